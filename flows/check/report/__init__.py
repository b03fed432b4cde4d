"""The reports of a check: terminal output, page, JSON and JUnit."""
