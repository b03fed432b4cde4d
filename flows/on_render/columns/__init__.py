"""Render in the comparison: what serves its columns, its own record of a run, its limits."""
