"""Operates Prefect for a team: server and workers, heartbeats, crashed runs."""
