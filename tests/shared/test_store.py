"""Where runs live: exclusive creation, publication all at once, nothing left over."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import fsspec
import pytest

from shared.run.errors import TerminalError
from shared.run.store import LocalStore, RemoteStore, Store, create_json, open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, as a folder and as an object store."""
    yield open_store(str(tmp_path / "store") if request.param == "local" else "memory://store")
    fsspec.filesystem("memory").store.clear()


def test_the_kind_follows_the_url(tmp_path: Path) -> None:
    """A path is a local store, a URL a remote one."""
    assert isinstance(open_store(str(tmp_path)), LocalStore)
    assert isinstance(open_store("memory://x"), RemoteStore)


def test_opening_makes_nothing(tmp_path: Path) -> None:
    """A store's folder appears with its first file."""
    store = open_store(str(tmp_path / "store"))
    assert store.names("runs") == []
    assert not (tmp_path / "store").exists()


def test_a_created_file_is_read_back(store: Store) -> None:
    """What was created can be read, opened and listed."""
    assert store.create("a/b/c.json", b"\x00data") is True
    assert store.read("a/b/c.json") == b"\x00data"
    assert store.names("a/b") == ["c.json"]
    with store.open("a/b/c.json") as file:
        file.seek(1)
        assert file.read() == b"data"


def test_creating_twice_keeps_the_first(store: Store) -> None:
    """The second creation says so and changes nothing."""
    assert create_json(store, "x.json", {"by": 1}) is True
    assert create_json(store, "x.json", {"by": 2}) is False
    assert read_json(store, "x.json") == {"by": 1}


@pytest.mark.parametrize("name", ["nothing.json", "no/folder/nothing.json"])
def test_a_missing_file_is_not_found(store: Store, name: str) -> None:
    """Reading or opening what is not there is a FileNotFoundError."""
    with pytest.raises(FileNotFoundError):
        store.read(name)
    with pytest.raises(FileNotFoundError):
        store.open(name).close()


def test_names_are_those_of_files_directly_in_the_folder(store: Store) -> None:
    """Names are sorted and leave out folders and what is in them."""
    for name in ("f/b", "f/a", "f/g/c", "other"):
        store.create(name, b"")
    assert store.names("f") == ["a", "b"]


def test_published_files_replace_earlier_ones(store: Store) -> None:
    """Publishing under a name that exists leaves the later content."""
    for content in (b"one", b"two"):
        with store.publishing("p/x") as path:
            path.write_bytes(content)
    assert store.read("p/x") == b"two"


def test_a_failed_publication_leaves_the_earlier_file(store: Store) -> None:
    """When the block fails nothing appears, and what was there stays."""
    with store.publishing("p/x") as path:
        path.write_bytes(b"one")
    for name in ("p/x", "p/y"):
        with pytest.raises(RuntimeError, match="half way"):
            publish_half(store, name)
    assert store.read("p/x") == b"one"
    assert store.names("p") == ["x"]


def test_an_unfinished_publication_cannot_be_seen(store: Store) -> None:
    """Until the block ends, the name does not exist."""
    with store.publishing("p/x") as path:
        path.write_bytes(b"one")
        assert store.names("p") == []
    assert store.names("p") == ["x"]


def test_of_many_creators_at_once_exactly_one_wins(tmp_path: Path) -> None:
    """Eight threads that come to each name together create it once, and the content is the winner's."""
    threads = 8
    together = threading.Barrier(threads, timeout=30)
    names = [f"claims/{number}.json" for number in range(40)]

    def create(thread: int) -> list[str]:
        store = open_store(str(tmp_path))
        return [name for name in names if together.wait() >= 0 and create_json(store, name, {"by": thread})]

    with ThreadPoolExecutor(threads) as pool:
        won = dict(enumerate(pool.map(create, range(threads))))
    winners = {name: thread for thread, created in won.items() for name in created}
    assert sum(map(len, won.values())) == len(winners) == len(names)
    assert {name: read_json(open_store(str(tmp_path)), name)["by"] for name in names} == winners


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    """After creations, lost creations and failed publications, only published files are left."""
    store = open_store(str(tmp_path))
    store.create("a", b"")
    store.create("a", b"")
    with pytest.raises(RuntimeError, match="half way"):
        publish_half(store, "b")
    with store.publishing("c"):
        pass
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == ["a", "c"]


def test_files_are_for_their_owner(tmp_path: Path) -> None:
    """What is created or published can be read by its owner alone."""
    store = open_store(str(tmp_path))
    store.create("a", b"")
    with store.publishing("b") as path:
        path.write_bytes(b"")
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"} == {0o600}


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the store and how to name another."""
    (tmp_path / "file").write_text("")
    url = str(tmp_path / "file" / "x")
    with pytest.raises(
        TerminalError, match=f"^the store {url} cannot be written: Not a directory; .*SHARDWISE_STORE_URL"
    ):
        open_store(url).create("a", b"")


def test_a_url_nobody_can_open() -> None:
    """An unknown kind of URL is bad input."""
    with pytest.raises(TerminalError, match="the store nonsense://x cannot be opened"):
        open_store("nonsense://x")


def publish_half(store: Store, name: str) -> None:
    """Fail in the middle of a publication."""
    with store.publishing(name) as path:
        path.write_bytes(b"half")
        raise RuntimeError("half way")
