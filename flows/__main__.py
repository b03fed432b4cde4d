"""``python -m flows``: the ``shardwise`` command, independent of the interpreter's path."""

from flows.cli import main

if __name__ == "__main__":
    main()
