"""What a job changes outside of itself: read as tables, saved, restored and compared."""
