"""What follows from all cells together, one question per module; each reads cells and gives rows of plain JSON."""
