"""A check as terminal output, page, JSON and JUnit, all made of its record."""
