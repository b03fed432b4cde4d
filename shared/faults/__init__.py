"""What to break on purpose, and the means to break it."""
