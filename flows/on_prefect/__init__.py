"""What runs on Prefect beside the flow: runners, artifacts, the parity check, make serve."""
