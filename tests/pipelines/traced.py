"""A job of one shard that writes down the path of its run: the calls in the command and in the process of the shard."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.waiting import wait_until

if TYPE_CHECKING:
    from types import FrameType

    from shared.run.pipeline import Context

ROOT = Path(__file__).parents[2]
FOLDER, COMMAND = "TRACED_FOLDER", "TRACED_COMMAND"  # where the paths are written, and the process of the command


def follow_command() -> None:
    """Let this process, which runs the command, write down its threads' calls when the shard asks for them."""
    os.environ[COMMAND] = str(os.getpid())
    signal.signal(signal.SIGUSR2, lambda *_: _keep("command", list(map(_calls, sys._current_frames().values()))))


def process_shard(context: Context, shard_id: int, path: Path) -> dict[str, Any]:
    """Write down the command's calls now, and those of this process when the shard is committed."""
    del context, shard_id
    os.kill(int(os.environ[COMMAND]), signal.SIGUSR2)
    wait_until(_file("command").exists, timeout=30, what="the calls of the command")
    path.write_text("")
    sys.setprofile(_at_commit)
    return {}


def aggregate(context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Nothing that matters."""
    del context, shards
    return {}


def _at_commit(frame: FrameType, event: str, _: object) -> None:
    if event == "call" and _place(frame) == "shared/run/run.py:commit":
        sys.setprofile(None)
        _keep("shard", _calls(frame))


def _calls(frame: FrameType | None) -> list[str]:
    """The calls of our own code, the outermost first, as ``file:function``."""
    places = []
    while frame:
        places.append(_place(frame))
        frame = frame.f_back
    ours = [place for place in reversed(places) if place.startswith(("flows/", "shared/"))]
    return [place for place in ours if not place.startswith("flows/render_dev/")]  # which stands in for Render's server


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_code.co_name}".removeprefix(f"{ROOT}/")


def _keep(name: str, value: object) -> None:
    unfinished = _file(name).with_suffix(".part")
    unfinished.write_text(json.dumps(value))
    unfinished.rename(_file(name))


def _file(name: str) -> Path:
    return Path(os.environ[FOLDER]) / f"{name}.json"
