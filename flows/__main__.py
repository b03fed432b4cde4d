"""``python -m flows``: the ``shardwise`` command, by whatever path its interpreter has."""

from flows.cli import main

if __name__ == "__main__":
    main()
