"""A small engine from outside: a thread pool with a loop of retries, and one column. ``test_outside.py`` adds it."""
