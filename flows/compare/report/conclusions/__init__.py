"""Conclusions from all cells, one question per module; each reads cells and returns rows of plain JSON."""
