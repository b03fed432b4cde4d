"""What an engine is, as the command, the comparison and ``shardwise check`` see it."""
