"""Which files are the data of a pipeline that names none: all below its folder, and not what is not data."""

from __future__ import annotations

import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.inputs import FileInputs
from tests.prefect_server import free_port
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.pipeline import Context
    from tests.shared.runs import Json

pytestmark = pytest.mark.servers


def put(folder: Path, *names: str) -> Path:
    """Write files of these names, as paths from a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1.0")
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and lists those in it, as Python's web server does."""

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 — as it is called there
        """Tell nobody."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a web server that serves a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def total(_: object, context: Context, shards: list[Json]) -> Json:
    """The sum of all numbers that were staged."""
    with context.staged.open("all.txt") as file:
        return {"total": sum(map(int, file)), "shards": len(shards)}


def test_changed_data_in_subfolders_is_staged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, the digest covered no file in a subfolder: changed data, the staging of the old, and exit 0."""

    def stage(_: object, context: Context, folder: Path) -> Json:
        numbers = [path.read_text() for path in tmp_path.glob("days/*/part.txt")]
        (folder / "all.txt").write_text("\n".join(numbers))
        return {"days": context.data_url}

    found = []
    for run_id, days in (("one", {"day=1": "1"}), ("two", {"day=1": "5", "day=2": "7"})):
        for day, number in days.items():
            put(tmp_path / "days", f"{day}/part.txt")
            (tmp_path / "days" / day / "part.txt").write_text(number)
        job = small_job(tmp_path, monkeypatch, stage=stage, aggregate=total)
        opened = steps.open_run(replace(job, data_url=f"{tmp_path}/days", run_id=run_id))
        steps.stage(opened)
        for shard in range(3):
            steps.process_shard(opened, shard)
        found.append(steps.aggregate(opened)["total"])
    assert found == [1, 12]


def test_a_run_is_not_resumed_over_changed_data_in_subfolders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, a shard of the old data and shards of the new made one result."""
    put(tmp_path / "data", "day=1/part.txt")
    job = small_job(tmp_path, monkeypatch)
    opened = steps.open_run(job)
    steps.stage(opened)
    steps.process_shard(opened, 0)
    put(tmp_path / "data", "day=2/part.txt")
    with pytest.raises(TransientError, match=r"^day=2/part\.txt in .* changed since the run started"):
        steps.stage(opened)
    with pytest.raises(TerminalError, match="are not those that run r was started with, and some of its shards are"):
        steps.open_run(job)


def test_all_files_below_are_found(tmp_path: Path) -> None:
    """In folders of folders too; what begins with a dot is left out, as a shell leaves it out."""
    names = ["a.txt", "b/c.txt", "b/d/e f.txt", "b/d=1/ü.txt", "z"]
    put(tmp_path, *names, ".DS_Store", "b/.hidden", ".git/config", "b/._a.txt", ".x/y/z.txt")
    (tmp_path / "empty").mkdir()
    assert FileInputs.at(str(tmp_path)).found() == names


def test_links_are_followed(tmp_path: Path) -> None:
    """A linked file or folder is data, once for each name; a link to a folder around it is left out."""
    put(tmp_path / "elsewhere", "one.txt", "deep/two.txt")
    data = put(tmp_path / "data", "a/three.txt")
    (data / "one.txt").symlink_to(tmp_path / "elsewhere" / "one.txt")
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "a" / "around").symlink_to(data)
    (tmp_path / "elsewhere" / "deep" / "and back").symlink_to(data / "a")
    (data / "gone.txt").symlink_to(tmp_path / "nothing")
    assert FileInputs.at(str(data)).found() == [
        "a/three.txt",
        "linked/deep/and back/three.txt",
        "linked/deep/two.txt",
        "linked/one.txt",
        "one.txt",
    ]


def test_a_store_in_the_data_folder_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--data . --store out``, or one folder for both: what a run writes is not a change of its input."""
    for store in (tmp_path / "data" / "out", tmp_path / "data"):
        job = replace(small_job(tmp_path, monkeypatch), store_url=str(store))
        for run_id in ("first", "second"):
            opened = steps.open_run(replace(job, run_id=run_id))
            steps.stage(opened)
            for shard in range(3):
                steps.process_shard(opened, shard)
            assert steps.aggregate(opened)["shards"] == 3


def test_files_below_a_folder_elsewhere(tmp_path: Path) -> None:
    """In an archive, on a web server, and through fsspec's own view of this machine the same files are found."""
    names = ["a.txt", "b/c.txt", "b/d/e.txt"]
    data = put(tmp_path / "data", *names, ".hidden", "b/.DS_Store")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in data.rglob("*"):
            archive.write(path, path.relative_to(tmp_path))
    with served(tmp_path) as url:
        for place in (f"zip://data::{tmp_path}/all.zip", f"{url}/data", f"local://{data}"):
            inputs = FileInputs.at(place)
            assert inputs.found() == names
            inputs.check()
            assert {version[0] for version in inputs.versions().values()} == {"3"}


@pytest.mark.parametrize("name", [None, ".hidden", "b/.hidden"])
def test_a_folder_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """No change of its data could be seen, so it is refused, unless the pipeline says what its inputs are."""
    data = put(tmp_path / "nothing", *([name] if name else []))
    data.mkdir(exist_ok=True)
    job = replace(small_job(tmp_path, monkeypatch), data_url=str(data))
    with pytest.raises(TerminalError) as caught:
        steps.open_run(job)
    assert str(caught.value) == (
        f"the data folder {data} has no files; set another folder with data_url, --data or SHARDWISE_DATA_URL, "
        "or define inputs in the pipeline"
    )
    assert not (tmp_path / "store").exists()
    small_job(tmp_path, monkeypatch, inputs=lambda _, context: FileInputs.at(context.data_url, []))
    assert steps.open_run(job).invocation == 1


def test_no_data_folder(tmp_path: Path) -> None:
    """A folder that is not there, a file in its place, an archive that is none: one sentence each."""
    put(tmp_path, "file.txt", "no.zip")
    named = "with data_url, --data or SHARDWISE_DATA_URL"
    for place, message in (
        (f"{tmp_path}/nowhere", f"there is no data folder {tmp_path}/nowhere; set it {named}"),
        (f"{tmp_path}/file.txt", f"the data folder {tmp_path}/file.txt is a file"),
        (f"zip://::{tmp_path}/no.zip", "cannot be opened: BadZipFile: File is not a zip file"),
        (f"zip://::{tmp_path}/nowhere.zip", "cannot be opened: FileNotFoundError: [Errno 2] No such file"),
    ):
        with pytest.raises(TerminalError) as caught:
            FileInputs.at(place).found()
        assert message in str(caught.value)


def test_a_folder_on_a_server_that_does_not_answer() -> None:
    """It is worth another attempt, and does not count as empty."""
    url = f"http://127.0.0.1:{free_port()}/data"
    with pytest.raises(TransientError, match=rf"{url} cannot be reached: ClientConnectorError: "):
        FileInputs.at(url).found()
