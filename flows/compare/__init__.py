"""The same faults on every engine, and a verdict from evidence: ``shardwise compare``."""
