"""What Prefect's UI shows about a run."""
