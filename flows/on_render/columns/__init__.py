"""Render's columns of the comparison: services, records and limits."""
