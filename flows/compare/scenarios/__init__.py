"""The scenarios that run on every engine."""
