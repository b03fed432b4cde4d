"""Exclusive creation on S3 despite failures: exactly one creator wins and knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.run import remote_store
from shared.run.errors import TerminalError, TransientError
from shared.run.job import Job
from shared.run.ledger import attempt, read_attempts
from shared.run.marker import MARKER, is_marked, mark
from shared.run.store import Store, create_json, open_store, read_json
from tests.shared.s3_server import Faults, new_bucket, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

HIDDEN = ["lost answer", "500 afterwards", "409", "503", "503 busy"]  # the first creation is not answered by 200


@pytest.fixture(scope="module")
def server() -> Iterator[Faults]:
    """An S3 server and its faults."""
    with s3_server() as faults:
        yield faults


@pytest.fixture
def faults(server: Faults, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The faults, all of which must fire."""
    monkeypatch.setattr(remote_store, "FIRST_WAIT", 0.01)
    yield server
    assert server.planned == []


@pytest.fixture
def store(faults: Faults) -> Store:
    """An empty store."""
    assert faults.planned == []
    return open_store(f"{new_bucket()}/store")


@pytest.mark.parametrize("fault", HIDDEN)
def test_the_creator_knows_it(store: Store, faults: Faults, fault: str) -> None:
    """Even if the answer is lost or the request repeated, the creator of the file knows it."""
    faults.planned = [fault]
    assert create_json(store, "claim.json", {"by": "me"}) is True
    assert read_json(store, "claim.json") == {"by": "me"}


@pytest.mark.parametrize("fault", [*HIDDEN, "412 without Condition"])
def test_another_knows_it_too(store: Store, faults: Faults, fault: str) -> None:
    """A file that exists is another's, though its content be the same, whatever the answer looks like."""
    create_json(store, "claim.json", {"by": "somebody"})
    faults.planned = [fault]
    assert create_json(store, "claim.json", {"by": "somebody"}) is False


@pytest.mark.parametrize("fault", ["409", "503 busy"])
def test_a_server_that_never_creates(store: Store, faults: Faults, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after some tries, with an error worth retrying; the next creation finds nothing in its way."""
    monkeypatch.setattr(remote_store, "TRIES", 1)
    faults.planned = [fault] * 1000
    with pytest.raises(
        TransientError, match=rf"^{store.url}/claim\.json cannot be created: the store {store.url} failed"
    ):
        create_json(store, "claim.json", {})
    faults.planned = []
    assert create_json(store, "claim.json", {}) is True


def test_an_attempt_does_not_skip_its_number(store: Store, faults: Faults) -> None:
    """A claim whose answer is lost is the attempt's own: it has number 1, and no claim without a worker is left."""
    job = Job(run_id="r", data_url="/data", store_url=store.url, invocation=1)
    faults.planned = ["lost answer"]
    with attempt(store, job, "stage") as current:
        assert current.number == 1
    (entry,) = read_attempts(store, "r")
    assert entry["end"]["outcome"] == "done"


def test_a_server_without_exclusive_creation_is_refused(store: Store, faults: Faults) -> None:
    """One that ignores the condition is found out before the first run, and nothing is left there."""
    faults.planned = ["ignored", "ignored"]
    with pytest.raises(TerminalError, match=f"^the store {store.url} cannot be used: its server ignores If-None-Match"):
        mark(store)
    assert store.names("") == []


def test_a_store_is_marked_once(store: Store, faults: Faults) -> None:
    """The first mark stays; later ones ask and write nothing."""
    assert not is_marked(store)
    mark(store)
    assert is_marked(store)
    before = (store.read(MARKER), faults.creations)
    mark(store)
    assert (store.read(MARKER), faults.creations) == before


def test_a_bucket_that_does_not_exist(faults: Faults) -> None:
    """Using it is bad input, in one sentence."""
    assert faults.planned == []
    store = open_store("s3://no-such-bucket/store")
    for use in (
        lambda: mark(store),
        lambda: store.names("runs"),
        lambda: store.read("x"),
        lambda: store.create("x", b""),
    ):
        with pytest.raises(
            TerminalError, match=r"^the store s3://no-such-bucket/store cannot be used: its bucket does not"
        ):
            use()


def test_no_credentials(faults: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """The message says which variables are missing."""
    assert faults.planned == []
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("s3fs.S3FileSystem._cache", {})
    with pytest.raises(TerminalError, match=r"cannot be used: Unable to locate credentials; .*AWS_ACCESS_KEY_ID"):
        mark(open_store("s3://bucket/store"))


def test_a_server_that_is_not_there(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run it is an error worth retrying; before a run it is bad input."""
    assert faults.planned == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem._cache", {})
    store = open_store("s3://bucket/store")
    sentence = r"^the store s3://bucket/store cannot be reached: Could not connect to the endpoint URL: \"http://127"
    with pytest.raises(TransientError, match=sentence):
        store.create("x", b"")
    with pytest.raises(TerminalError, match=sentence):
        mark(store)
