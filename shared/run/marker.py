"""The file that marks a folder or a bucket as a store. Only marked stores are ever cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.run.errors import TerminalError, TransientError
from shared.run.record import find_record
from shared.run.store import create_json
from shared.run.urls import STORE_NAMED

if TYPE_CHECKING:
    from shared.run.store import Store

MARKER = "shardwise-store.json"
STORE_FOLDERS = ("staged", "runs", "tmp", "generated", "parity")  # all names in a store besides the marker
_CONTENT = {"about": "Shardwise keeps stagings and runs here; `shardwise clean` removes old ones."}


def is_marked(store: Store) -> bool:
    """Whether the folder or bucket is marked as a store.

    Raises:
        TerminalError: It cannot be reached or read.
    """
    try:
        store.read(MARKER)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise TerminalError(
            f"the store {store.url} cannot be read: {error.strerror}; set another store {STORE_NAMED}"
        ) from error
    except TransientError as error:  # nothing has started: more likely, the URL is wrong
        raise TerminalError(str(error)) from error
    return True


def mark(store: Store) -> None:
    """Mark a folder or a bucket as a store, unless it is marked.

    Raises:
        TerminalError: It cannot be reached or written, its server does not support exclusive creation, or version 0.1
            made it.
    """
    if is_marked(store):
        return
    _refuse_old(store)
    if not create_json(store, MARKER, _CONTENT):
        return
    if create_json(store, MARKER, _CONTENT):
        store.remove(MARKER)
        raise TerminalError(
            f"the store {store.url} cannot be used: its server ignores If-None-Match, so two processes can both "
            f"create one file; set another store {STORE_NAMED}"
        )


def _refuse_old(store: Store) -> None:
    """Refuse a store without a marker that has runs: version 0.1 wrote it."""
    for run_id in store.folders("runs"):
        find_record(store, run_id)
