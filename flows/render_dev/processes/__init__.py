"""Starts, watches, kills and reads worker processes."""
