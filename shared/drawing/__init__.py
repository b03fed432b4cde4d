"""Draws timelines as SVG for the report page and for Prefect's UI."""
