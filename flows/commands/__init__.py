"""The ``shardwise`` command: one file per command, and code that several commands share."""
