from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.check.saved_state import save
from flows.check.watching import Watched
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path


def test_two_checks_that_start_at_once_share_no_copy(tmp_path: Path) -> None:
    """The second is refused, and the copy of the first still restores."""
    (tmp_path / "orders.txt").write_text("before")
    watched = Watched.named(["orders.txt"], "", tmp_path)
    first = save(watched, "etl.py:nightly")
    (tmp_path / "orders.txt").write_text("during")
    with pytest.raises(TerminalError, match="another check has just started"):
        save(watched, "etl.py:nightly")
    first.restore()
    assert (tmp_path / "orders.txt").read_text() == "before"
