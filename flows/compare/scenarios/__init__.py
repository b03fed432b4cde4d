"""What is tried on every engine."""
