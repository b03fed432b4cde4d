"""Signals to random processes of a run at random moments, on every engine; then the same run again."""
