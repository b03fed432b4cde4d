"""Stores runs and stagings in a local folder or a bucket, with atomic publication and exclusive creation."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from shared.run.errors import TerminalError
from shared.run.local_store import LocalStore
from shared.run.remote_store import RemoteStore
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

READERS = 16  # parallel reads: a bucket takes tens of milliseconds per file
NONCE = "nonce"  # the store's own field in a created JSON object


class Store(Protocol):
    """Named files below one root, accessible only to the owner. A name uses ``/`` and never starts with it.

    Every call may raise a StoreError if the store does not answer or fails, and a StoreUnusableError if waiting cannot
    help.
    """

    url: str

    def read(self, name: str) -> bytes:
        """Read a whole file; FileNotFoundError if it is missing."""

    def create(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        """Create a file completely or not at all; return False if it exists. One of several parallel creators wins.

        Args:
            name: The file.
            data: Bytes that no other creator of the name writes, so that they show after an error who created the file.
            durable: Whether to wait until the file survives a power cut.
        """

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """Provide a local path, alone in its folder. The file is published when the block ends without an error.

        The complete file atomically replaces an earlier one. FileNotFoundError if the block wrote no file.
        """

    def publishing_folder(self, name: str) -> AbstractContextManager[Path]:
        """Provide a local folder to fill. Its files are published as ``name/<file>`` when the block ends.

        The name must be new; readers learn it from a file that is created afterwards.
        """

    def publish_copies(self, names: Iterable[tuple[str, str]]) -> None:
        """Publish files of the store under additional names, each atomically, in place of earlier files.

        Args:
            names: Pairs of an existing name and the additional name.

        Raises:
            FileNotFoundError: A file is missing.
        """

    def sync(self, *folders: str) -> None:
        """Wait until the names in some folders survive a power cut."""

    def open(self, name: str) -> BinaryIO:
        """Open a file, seekable, to read parts of it; FileNotFoundError if it is missing."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files directly in a folder, sorted, without the folder; empty if there are none."""

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly in a folder, sorted; empty if there are none."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with its content, as far as possible; no error if it is missing."""


def open_store(url: str) -> Store:
    """Return the store at an absolute path or URL; a local folder is created by the first write.

    Raises:
        TerminalError: This kind of URL cannot be a store.
    """
    return LocalStore(url) if is_local(url) else RemoteStore(url)


def read_json(store: Store, name: str) -> dict[str, Any]:
    """Read a JSON object; FileNotFoundError if it is missing, a TerminalError if the file is something else."""
    if (value := parse_json(store.read(name))) is None:
        raise TerminalError(
            f"{store.url}/{name} is not a JSON object, as Shardwise writes there: something else changed the store; "
            "start a run with another run_id"
        )
    return value


def parse_json(data: bytes) -> dict[str, Any] | None:
    """Parse the object of a created JSON file; None if the bytes are something else."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    value.pop(NONCE, None)
    return value


def read_all_json(store: Store, names: Iterable[str]) -> list[dict[str, Any]]:
    """Read JSON objects in parallel, in the order of the given names."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(partial(read_json, store), names))


def create_json(store: Store, name: str, value: dict[str, Any], *, durable: bool = True) -> bool:
    """Create a JSON file; return False if it exists."""
    data = json.dumps(value | {NONCE: secrets.token_hex(8)}, indent=1).encode() + b"\n"
    return store.create(name, data, durable=durable)
