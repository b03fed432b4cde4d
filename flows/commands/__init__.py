"""The ``shardwise`` command: one file per command, and what several of them share."""
