"""What a run shows in Prefect's UI."""
