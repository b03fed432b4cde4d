"""State in a bucket, on a real S3 API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fsspec
import pytest

from shared.run.errors import TerminalError
from shared.state.difference import differences
from shared.state.named import source_of
from tests.shared.s3_server import new_bucket, s3_server

if TYPE_CHECKING:
    from pathlib import Path


def test_objects_below_a_prefix_are_read_as_files_are(tmp_path: Path) -> None:
    """A row that is there twice and an object that must not be there are named by their URL."""
    with s3_server():
        url = f"{new_bucket()}/out"
        source = source_of(url, tmp_path)
        assert (source.files, source.elsewhere, source.read()) == ((), True, {})
        files = fsspec.filesystem("s3")
        files.pipe(f"{url}/orders.csv", b"number,amount\n7,3\n")
        expected = source.read()
        assert expected[f"{url}/orders.csv"].rows == (("7", "3"),)
        files.pipe(f"{url}/orders.csv", b"number,amount\n7,3\n7,3\n")
        files.pipe(f"{url}/sub/left.tmp", b"x")
        assert [each.text for each in differences(expected, source.read())] == [
            f"{url}/orders.csv has 1 duplicate row (number 7)",
            f"{url}/sub/left.tmp is there and must not be, with 1 line",
        ]
        with pytest.raises(TerminalError, match="--watch s3://no-such-bucket/out cannot be read"):
            source_of("s3://no-such-bucket/out", tmp_path).read()
