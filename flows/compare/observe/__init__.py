"""Runs the cells of a comparison and reads their results."""
