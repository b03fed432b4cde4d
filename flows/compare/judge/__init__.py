"""Derives verdicts and mismatches from the evidence of a cell."""
