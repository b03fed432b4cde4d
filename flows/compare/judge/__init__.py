"""What follows from the evidence of a cell."""
