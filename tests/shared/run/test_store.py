"""Where runs live: exclusive creation, publication all at once, nothing left over."""

from __future__ import annotations

import errno
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import fsspec
import pytest

from shared.run import remote_store
from shared.run.errors import TerminalError
from shared.run.local_store import LocalStore
from shared.run.remote_store import RemoteStore
from shared.run.store import Store, create_json, open_store, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store, as a folder and as an object store."""
    monkeypatch.setattr(remote_store, "EXCLUSIVE", {"memory"})  # it is, where one thread uses it
    yield open_store(str(tmp_path / "store") if request.param == "local" else "memory://store")
    fsspec.filesystem("memory").store.clear()


def test_the_kind_follows_the_url(tmp_path: Path) -> None:
    """A path is a local store, a URL a remote one."""
    assert isinstance(open_store(str(tmp_path)), LocalStore)
    assert isinstance(open_store("s3://x"), RemoteStore)


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
    assert (store.names("f"), store.folders("f")) == (["a", "b"], ["g"])
    assert (store.names("nothing"), store.folders("nothing")) == ([], [])


def test_published_files_replace_earlier_ones(store: Store) -> None:
    """Publishing under a name that exists leaves the later content."""
    for content in (b"one", b"two"):
        with store.publishing("p/x") as path:
            path.write_bytes(content)
    assert store.read("p/x") == b"two"


def test_a_file_to_publish_is_alone_in_its_folder(store: Store) -> None:
    """Its path has the published name, does not exist before it is written, and what is beside it is not published."""
    with store.publishing("p/x.parquet") as path:
        assert (path.name, list(path.parent.iterdir())) == ("x.parquet", [])
        path.write_bytes(b"one")
        path.with_name("beside").write_bytes(b"left over")
    assert store.names("p") == ["x.parquet"]


def test_publishing_a_file_that_was_not_written(store: Store) -> None:
    """A block that writes no file publishes none and gets an error."""
    with pytest.raises(FileNotFoundError), store.publishing("p/x"):
        pass
    assert store.names("p") == []


def test_a_folder_appears_when_it_is_full(store: Store) -> None:
    """All files of the block appear below the name, those in folders too; none before the block ends."""
    with store.publishing_folder("s/files-1") as folder:
        (folder / "a").write_bytes(b"one")
        (folder / "deep").mkdir()
        (folder / "deep" / "b").write_bytes(b"two")
        assert store.names("s/files-1") == []
    assert (store.names("s/files-1"), store.read("s/files-1/deep/b")) == (["a"], b"two")


def test_a_failed_folder_leaves_nothing(store: Store) -> None:
    """When the block fails no file of it appears."""
    with pytest.raises(RuntimeError, match="half way"):
        fill_half(store, "s/files-1")
    assert store.names("s/files-1") == []


def test_a_copy_appears_under_another_name(store: Store) -> None:
    """It replaces what was there, again and again, and does not change with the source's name."""
    store.create("parts/one", b"one")
    store.create("parts/two", b"two")
    for source in ("parts/one", "parts/one", "parts/two", "parts/two"):
        store.publish_copies([(source, "out/x")])
    store.remove("parts/two")
    assert (store.names("out"), store.read("out/x"), store.read("parts/one")) == (["x"], b"two", b"one")


def test_a_copy_of_nothing(store: Store) -> None:
    """A source that does not exist is a FileNotFoundError, and what was there stays."""
    store.create("out/x", b"one")
    with pytest.raises(FileNotFoundError):
        store.publish_copies([("parts/none", "out/x")])
    assert store.read("out/x") == b"one"


def test_a_copy_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without hard links a copy has bytes of its own, for its owner only."""
    store = open_store(str(tmp_path))
    store.create("parts/one", b"one")
    monkeypatch.setattr("os.link", without_links)
    store.publish_copies([("parts/one", "out/x")])
    assert (store.read("out/x"), stat.S_IMODE((tmp_path / "out" / "x").stat().st_mode)) == (b"one", 0o600)
    with pytest.raises(TerminalError, match=f"^the store {tmp_path} cannot be used: its file system has no hard"):
        store.create("a", b"")


@pytest.mark.parametrize("name", ["f/a", "f", "nothing", "f/no/thing"])
def test_removing(store: Store, name: str) -> None:
    """A file or a folder goes with all in it; what is not there is no error, and nothing else goes."""
    for file in ("f/a", "f/b/c", "other"):
        store.create(file, b"")
    store.remove(name)
    assert store.names("f") == ([] if name in {"f", "f/a"} else ["a"])
    assert store.names("f/b") == ([] if name == "f" else ["c"])
    assert store.names("") == ["other"]


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
    with store.publishing("c") as path:
        path.touch()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == ["a", "c"]


def test_everything_is_for_its_owner(tmp_path: Path) -> None:
    """Files and folders of a store, its own folder included, can be read by their owner alone."""
    store = open_store(str(tmp_path / "store"))
    store.create("a/b", b"")
    with store.publishing("c/d") as path:
        path.write_bytes(b"")
    with store.publishing_folder("e/f") as folder:
        (folder / "g").mkdir(0o755)
        (folder / "g" / "h").write_bytes(b"")
    store.publish_copies([("c/d", "i/j")])
    paths = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert len(modes) == 12
    assert modes == {str(path.relative_to(tmp_path)): 0o700 if path.is_dir() else 0o600 for path in paths}


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the store and how to name another."""
    (tmp_path / "file").write_text("")
    url = str(tmp_path / "file" / "x")
    with pytest.raises(
        TerminalError, match=f"^the store {url} cannot be used: .* Not a directory; .*SHARDWISE_STORE_URL"
    ):
        open_store(url).create("a", b"")


@pytest.mark.parametrize("kind", ["memory", "http", "sftp", "nonsense"])
def test_a_kind_of_url_that_cannot_be_a_store(kind: str) -> None:
    """It is refused by name, with what a store can be."""
    with pytest.raises(TerminalError, match=rf"^the store {kind}://x cannot be used: {kind}:// .* s3://.*--store"):
        open_store(f"{kind}://x")


def publish_half(store: Store, name: str) -> None:
    """Fail in the middle of a publication."""
    with store.publishing(name) as path:
        path.write_bytes(b"half")
        raise RuntimeError("half way")


def fill_half(store: Store, name: str) -> None:
    """Fail in the middle of a folder."""
    with store.publishing_folder(name) as folder:
        (folder / "a").write_bytes(b"half")
        raise RuntimeError("half way")


def without_links(*_: object, **_options: object) -> None:
    """What a file system without hard links answers."""
    raise OSError(errno.EPERM, "Operation not permitted")
