"""Fault injection: plans of faults, and the functions that carry them out."""
