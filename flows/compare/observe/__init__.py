"""Runs the cells of a comparison and reads what they left behind."""
