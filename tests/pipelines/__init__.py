"""Pipelines as a team would write them: beside the customer merge they prove that the protocol fits any sharded job."""
