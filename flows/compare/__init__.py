"""``shardwise compare``: injects the same faults on every engine, and derives verdicts from evidence."""
