"""Prefect's columns of the comparison: services, records and scenarios."""
