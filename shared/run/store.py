"""Where stagings and runs live: a local folder or a bucket, with atomic publication and exclusive creation."""

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

READERS = 16  # at once: a bucket takes tens of milliseconds for each file
NONCE = "nonce"  # the field of a created JSON object that is the store's own


class Store(Protocol):
    """Named files below one root, for their owner only. A name uses ``/`` and never starts with it.

    Every call may raise a StoreError where the store does not answer or fails, and a StoreUnusableError where waiting
    cannot help.
    """

    url: str

    def read(self, name: str) -> bytes:
        """The whole file; FileNotFoundError when there is none."""

    def create(self, name: str, data: bytes, *, durable: bool = True) -> bool:
        """Write a file that must not exist, all or nothing; False when it exists. Of many at once exactly one wins.

        Args:
            name: The file.
            data: Bytes that no other creator of the name writes: after an error they tell whose file it is.
            durable: Whether to wait until a power cut cannot leave the name without the bytes.
        """

    def publishing(self, name: str) -> AbstractContextManager[Path]:
        """A local path to write a file to, alone in its folder. When the block ends without an error the file appears.

        It appears under its name at once, complete, in place of an earlier one. FileNotFoundError when the block wrote
        none.
        """

    def publishing_folder(self, name: str) -> AbstractContextManager[Path]:
        """A local folder to fill with files. When the block ends without an error they appear as ``name/<file>``.

        The name must be a new one: whoever reads must learn it from a file that is created after it.
        """

    def publish_copies(self, names: Iterable[tuple[str, str]]) -> None:
        """Let files of the store appear under other names too, each at once and complete, in place of an earlier one.

        Args:
            names: Of each file, the name that it has, and the other.

        Raises:
            FileNotFoundError: There is no such file.
        """

    def sync(self, *folders: str) -> None:
        """Wait until a power cut cannot take the names in some folders back."""

    def open(self, name: str) -> BinaryIO:
        """The file, seekable, for reading parts of it; FileNotFoundError when there is none."""

    def names(self, folder: str) -> list[str]:
        """The names of the files directly in a folder, sorted, without the folder; empty when there is none."""

    def folders(self, folder: str) -> list[str]:
        """The names of the folders directly in a folder, sorted; empty when there is none."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it, as far as that is possible now; no error when it is not."""


def open_store(url: str) -> Store:
    """The store at an absolute path or URL; a local folder is made when it is first written to.

    Raises:
        TerminalError: A kind of URL that cannot be a store.
    """
    return LocalStore(url) if is_local(url) else RemoteStore(url)


def read_json(store: Store, name: str) -> dict[str, Any]:
    """A JSON object of the store; FileNotFoundError when there is none, a TerminalError when the file is another."""
    if (value := parse_json(store.read(name))) is None:
        raise TerminalError(
            f"{store.url}/{name} is not a JSON object, as Shardwise writes there: something else changed the store; "
            "start a run of another run_id"
        )
    return value


def parse_json(data: bytes) -> dict[str, Any] | None:
    """The object that was created from JSON; None where it is none."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    value.pop(NONCE, None)
    return value


def read_all_json(store: Store, names: Iterable[str]) -> list[dict[str, Any]]:
    """Some JSON objects of the store, in the order of their names given, read side by side."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(partial(read_json, store), names))


def create_json(store: Store, name: str, value: dict[str, Any], *, durable: bool = True) -> bool:
    """Write a JSON object that must not exist; False when it does."""
    data = json.dumps(value | {NONCE: secrets.token_hex(8)}, indent=1).encode() + b"\n"
    return store.create(name, data, durable=durable)
