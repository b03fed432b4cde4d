"""When an input counts as unchanged: only where its file system vouches for the content, or after reading it."""

from __future__ import annotations

import os
import tarfile
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.run import steps
from shared.run.content_tag import content_tag
from shared.run.errors import TransientError
from shared.run.inputs import FileInputs
from tests.shared.small import small_job
from tests.web_server import web_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.pipeline import Context
    from tests.shared.runs import Json

NAME = "a.txt"
SAME_TIME = (1_700_000_000.0, 1_700_000_000.0)
TIME = "Tue, 14 Nov 2023 22:13:20 GMT"
Headers = dict[str, str]


def only(context: Context) -> FileInputs:
    """The one file of the job."""
    return FileInputs.at(context.data_url, [NAME])


def copy_data(_: object, context: Context, folder: Path) -> Json:
    """Stage the file as it is."""
    with only(context).open(NAME) as file:
        (folder / NAME).write_bytes(file.read())
    return {}


def staged_data(context: Context) -> str:
    """What was staged."""
    with context.staged.open(NAME) as file:
        return file.read().decode()


def merged(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str, run_id: str) -> str:
    """The text that the shards of a run found in the staging of its one file."""
    members: dict[str, Callable[..., Any]] = {
        "inputs": lambda _, context: only(context),
        "stage": copy_data,
        "aggregate": lambda _, context, _shards: {"found": staged_data(context)},
    }
    job = steps.open_run(replace(small_job(folder, monkeypatch, None, **members), data_url=url, run_id=run_id))
    steps.stage(job)
    for shard in range(3):
        steps.process_shard(job, shard)
    return str(steps.aggregate(job)["found"])


def put_file(folder: Path, text: str) -> str:
    """Write the file into a folder, as a tool that keeps times, in whole seconds."""
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text(text)
    os.utime(folder / NAME, SAME_TIME)
    return str(folder)


def put_zip(folder: Path, text: str) -> str:
    """Write the file into a new zip."""
    put_file(folder, text)
    (folder / "all.zip").unlink(missing_ok=True)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.write(folder / NAME, f"d/{NAME}")
    return f"zip://d::{folder}/all.zip"


def put_tar(folder: Path, text: str) -> str:
    """Write the file into a new tar."""
    put_file(folder, text)
    (folder / "all.tar").unlink(missing_ok=True)
    with tarfile.open(folder / "all.tar", "w") as archive:
        archive.add(folder / NAME, f"d/{NAME}")
    return f"tar://d::{folder}/all.tar"


def put_cached(folder: Path, text: str) -> str:
    """Write the file into a folder that is read through a cache."""
    return f"simplecache::file://{put_file(folder, text)}"


@pytest.mark.parametrize("put", [put_file, put_zip, put_tar, put_cached])
def test_a_changed_file_is_staged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path, str], str]
) -> None:
    """Before, a member of a recreated zip, with the same size, counted as unchanged: exit 0, old data."""
    source = tmp_path / "source"
    source.mkdir()
    for text in ("old", "new"):
        assert merged(tmp_path, monkeypatch, put(source, text), text) == text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Last-Modified": TIME}, {"ETag": 'W/"65543f80"'}, {"ETag": '"65543f80-3"'}],
    ids=["nothing", "a time", "a weak ETag", "an ETag of time and size"],
)
def test_a_web_server_that_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: Headers
) -> None:
    """The same for a file on the web: before, 145 of the first run was the second one's answer too."""
    with web_server() as web:
        web.headers |= headers
        for text in ("145", "245"):
            web.files[f"d/{NAME}"] = text.encode()
            assert merged(tmp_path, monkeypatch, f"{web.url}/d", text) == text


def test_a_file_that_changes_while_it_is_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing tells of the change, the content does, and nothing is kept."""

    def change(_: object, context: Context, folder: Path) -> Json:
        copy_data(None, context, folder)
        put_file(folder_of_data, "new")
        return {}

    folder_of_data = tmp_path / "source"
    job = small_job(tmp_path, monkeypatch, inputs=lambda _, context: only(context), stage=change)
    opened = steps.open_run(replace(job, data_url=put_file(folder_of_data, "old")))
    with pytest.raises(TransientError, match=rf"^{NAME} in {folder_of_data} changed since the run started"):
        steps.stage(opened)
    assert not list((tmp_path / "store").glob("staged/*/*"))


def test_a_reliable_tag_saves_reading(tmp_path: Path) -> None:
    """A file with a strong ETag is not read to know it; another ETag is another version and digest."""
    del tmp_path
    with web_server() as web:
        web.files[f"d/{NAME}"] = b"one"
        inputs = FileInputs.at(f"{web.url}/d", [NAME])
        seen = []
        for tag in ('"5d41402abc4b2a76"', '"7d793037a0760186"'):
            web.headers["ETag"] = tag
            versions = inputs.versions()
            assert versions == {NAME: ["3", tag]}
            seen.append(inputs.digest(versions))
        assert len(set(seen)) == 2
        assert web.read == []


def test_the_same_content_has_one_digest_wherever_it_is_read(tmp_path: Path) -> None:
    """A file that had to be read is known by its content: here, in a zip or on a web server without tags."""
    urls = [put_file(tmp_path, "text"), put_zip(tmp_path, "text"), put_tar(tmp_path, "text")]
    with web_server() as web:
        web.files[f"d/{NAME}"] = b"text"
        found = [FileInputs.at(url, [NAME]) for url in [*urls, f"{web.url}/d"]]
        assert len({inputs.digest(inputs.versions()) for inputs in found}) == 1


def test_a_large_file_of_a_web_server_without_ranges(tmp_path: Path) -> None:
    """It is read from first to last in one answer."""
    content = bytes(range(256)) * 80_000
    (tmp_path / NAME).write_bytes(content)
    with web_server() as web:
        web.files[f"d/{NAME}"] = content
        far, here = FileInputs.at(f"{web.url}/d", [NAME]), FileInputs.at(str(tmp_path), [NAME])
        versions = far.versions()
        assert versions[NAME][0] == str(len(content))
        assert far.digest(versions) == here.digest(here.versions())
        assert web.read == [f"d/{NAME}"]


def test_checking_reads_nothing(tmp_path: Path) -> None:
    """Whether a file is there is asked without reading it."""
    del tmp_path
    with web_server() as web:
        web.files[f"d/{NAME}"] = b"one"
        FileInputs.at(f"{web.url}/d", [NAME]).check()
        assert web.read == []


@pytest.mark.parametrize(
    ("entry", "tag"),
    [
        ({"ETag": '"9b2"', "LastModified": 1}, '"9b2"'),
        ({"etag": "CJ+", "generation": "17", "metageneration": "1", "updated": "now"}, "CJ+"),
        ({"version_id": "null", "size": 3}, ""),
        ({"version_id": "3L4k", "size": 3}, "3L4k"),
        ({"sha": "b6fc4c6", "mode": "100644"}, "b6fc4c6"),
        ({"md5Checksum": "9e10", "modifiedTime": "now", "shared": True}, "9e10"),
        ({"content_hash": "e3b0"}, "e3b0"),
        ({"Content-MD5": "CY9r"}, "CY9r"),
        ({"ETag": None, "md5Hash": "CY9r"}, "CY9r"),
        ({"ETag": 'W/"1"', "Digest": "sha-256=47D"}, "sha-256=47D"),
        ({"modify": "Jan 01 12:00", "unique": "U1"}, ""),
        ({"modificationTime": 1_700_000_000_123}, ""),
        ({"mtime": 1.5, "created": 1.5, "ino": 7}, ""),
        ({"CRC": 7, "create_version": 20, "extract_version": 20, "date_time": (2026, 1, 1, 0, 0, 0)}, ""),
        ({"chksum": 4711, "mtime": 0}, ""),
        ({"hash_algorithm": "sha256", "last_modified": "now"}, ""),
        ({"ETag": '"65543f80-10"', "size": 16}, ""),
        ({"ETag": '"65543f80-2"', "size": 16}, '"65543f80-2"'),
        ({}, ""),
    ],
)
def test_what_names_the_content(entry: Json, tag: str) -> None:
    """Hashes and revisions of every file system do; times, sizes and the checksums of archives do not."""
    assert content_tag(entry) == tag
