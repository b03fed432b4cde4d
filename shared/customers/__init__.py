"""The customer merge: one pipeline."""
