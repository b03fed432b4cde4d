"""Writes the results of a comparison for programs and people."""
