"""What keeps Prefect running for a team: server and workers, heartbeats, crashed runs."""
