"""The interface of engines for the command, the comparison and ``shardwise check``."""
