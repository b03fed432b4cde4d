"""The two kinds of failure every engine can see: worth retrying, or not."""


class TransientError(Exception):
    """Something outside the data went wrong; the same work may succeed on another attempt."""


class TerminalError(Exception):
    """The input or the use is wrong; retrying cannot help. Where an engine can skip the retries, it does."""
