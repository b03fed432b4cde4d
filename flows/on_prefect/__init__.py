"""Prefect: engine, runners, artifacts, the parity check, make serve."""
