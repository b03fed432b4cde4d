"""The state that a job changes: read as tables, saved, restored and compared."""
