"""The workflow app that the conformance suite serves; each task shows one behaviour."""

# ruff: noqa: ARG001, T201 — the SDK hands every task its context, and printing is what some show
from __future__ import annotations

import asyncio
import atexit
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from render import Retry, TaskContext, Workflows

app = Workflows()
TWICE = Retry(max_retries=2, wait_duration_ms=300, backoff_scaling=2.0)
AT_ONCE = Retry(max_retries=2, wait_duration_ms=0, backoff_scaling=1.0)
SLOWLY = Retry(max_retries=1, wait_duration_ms=60_000, backoff_scaling=1.0)


def attempt_number(counter: str) -> int:
    """Count a call in a file, since no engine tells a task its attempt; from 1."""
    with Path(counter).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len(Path(counter).read_text().splitlines())


@app.task
def give(ctx: TaskContext, value: Any = None) -> Any:
    """Return what came in."""
    return value


@app.task
def keywords(ctx: TaskContext, *, left: str, right: str = "default") -> dict[str, str]:
    """Return what came in by name."""
    return {"left": left, "right": right}


@app.task
def look(ctx: TaskContext) -> dict[str, Any]:
    """Tell what the process is like."""
    return {
        "pid": os.getpid(),
        "pgid": os.getpgid(0),
        "cwd": str(Path.cwd()),
        "stdin": sys.stdin.read(),
        "env": dict(os.environ),
        "metadata": [ctx.metadata.task_run_id, ctx.metadata.root_task_run_id, ctx.metadata.parent_task_run_id],
    }


@app.task
def env_of_child(ctx: TaskContext) -> dict[str, str]:
    """Tell what a program sees that the task starts."""
    return {"mode": subprocess.check_output(["/usr/bin/env", "printenv", "RENDER_SDK_MODE"], text=True).strip()}


@app.task
def main_name(ctx: TaskContext) -> dict[str, str]:
    """Tell what the main module is."""
    main = sys.modules["__main__"]
    return {"main": Path(getattr(main, "__file__", "")).name, "name": main_name.func.__module__}


@app.task
def special(ctx: TaskContext, which: str) -> Any:
    """Return a value that JSON cannot carry, or hardly."""
    return {"nan": math.nan, "huge": 2**60 + 1, "float": 1.0, "set": {1, 2}}[which]


@app.task
def letters(ctx: TaskContext, count: int) -> dict[str, str]:
    """Return that many letters."""
    return {"letters": "x" * count}


@app.task
def nap(ctx: TaskContext, seconds: float, mark: str | None = None) -> list[float]:
    """Sleep, and tell from when to when."""
    if mark:
        Path(mark).write_text(str(os.getpid()))
    begun = time.time()
    time.sleep(seconds)
    return [begun, time.time()]


@app.task
def wait_for(ctx: TaskContext, gate: str) -> None:
    """Return once a file exists."""
    while not Path(gate).exists():
        time.sleep(0.01)


@app.task
def meet(ctx: TaskContext, own: str, other: str) -> None:
    """Return once another run of this task has begun, which a file shows."""
    Path(own).touch()
    wait_for.func(ctx, other)


@app.task
def fail(ctx: TaskContext, message: str) -> None:
    """Fail."""
    raise ValueError(message)


def _fail_until(counter: str, good: int) -> dict[str, int]:
    if (number := attempt_number(counter)) < good:
        raise RuntimeError(f"boom {number}")
    return {"attempt": number}


@app.task(retry=TWICE)
def flaky(ctx: TaskContext, counter: str, good: int) -> dict[str, int]:
    """Fail until the given attempt; wait 300 and 600 ms between."""
    return _fail_until(counter, good)


@app.task(retry=SLOWLY)
def flaky_slow(ctx: TaskContext, counter: str, good: int) -> dict[str, int]:
    """Fail until the given attempt; wait a minute between."""
    return _fail_until(counter, good)


@app.task
def die(ctx: TaskContext, how: str) -> None:
    """End without an answer."""
    if how.startswith("exit"):
        os._exit(int(how.removeprefix("exit")))
    if how == "sys.exit":
        sys.exit(3)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(30)


@app.task(retry=AT_ONCE)
def die_once(ctx: TaskContext, counter: str) -> dict[str, int]:
    """Be killed on the first attempt, succeed on the second."""
    number = attempt_number(counter)
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"attempt": number}


@app.task(timeout_seconds=1, retry=AT_ONCE, plan="starter")
def hang_once(ctx: TaskContext, counter: str, seconds: float) -> dict[str, int]:
    """Sleep on the first attempt, succeed on the second."""
    number = attempt_number(counter)
    if number == 1:
        time.sleep(seconds)
    return {"attempt": number}


@app.task
async def call(ctx: TaskContext, name: str, arguments: list[Any]) -> dict[str, Any]:
    """Run another task by name and return what came back."""
    return {"value": await ctx.run(TASKS[name], *arguments)}


@app.task
async def catch(ctx: TaskContext, name: str, arguments: list[Any]) -> dict[str, str]:
    """Run another task and return its error."""
    try:
        await ctx.run(TASKS[name], *arguments)
    except Exception as error:  # noqa: BLE001 — the test looks at it
        return {"type": type(error).__name__, "text": str(error)}
    return {}


@app.task
async def call_large(ctx: TaskContext, size: int) -> dict[str, str]:
    """Run a subtask with an argument of that many letters, and return its error."""
    error: dict[str, str] = await catch.func(ctx, "give", ["x" * size])
    return error


@app.task
async def fan_out(ctx: TaskContext, name: str, arguments: list[list[Any]]) -> dict[str, Any]:
    """Run one task many times at once."""
    return {"values": list(await asyncio.gather(*(ctx.run(TASKS[name], *each) for each in arguments)))}


@app.task(retry=AT_ONCE)
async def crash_after_start(ctx: TaskContext, counter: str, seconds: float) -> dict[str, int]:
    """Start a subtask, and die on the first attempt while it runs."""
    number = attempt_number(counter)
    subtask = asyncio.create_task(ctx.run(nap, seconds, f"{counter}.{number}"))
    while number == 1:
        await asyncio.sleep(0.02)
        if Path(f"{counter}.1").exists():  # noqa: ASYNC240 — it takes no time
            os.kill(os.getpid(), signal.SIGKILL)
    await subtask
    return {"attempt": number}


@app.task
async def leave_behind(ctx: TaskContext, name: str, arguments: list[Any], mark: str) -> dict[str, str]:
    """Start a subtask, and return without its result as soon as it has begun, which a file shows."""
    subtask = asyncio.create_task(ctx.run(TASKS[name], *arguments))
    while not Path(mark).exists():  # noqa: ASYNC110, ASYNC240 — another process makes it, and looking takes no time
        await asyncio.sleep(0.02)
    return {"subtask": "done" if subtask.done() else "left"}


@app.task
def talk(ctx: TaskContext) -> None:
    """Write to both streams, flushed."""
    for number in range(3):
        print(f"out {number} é", flush=True)
        print(f"err {number}", file=sys.stderr, flush=True)


@app.task
def flood(ctx: TaskContext, megabytes: int) -> None:
    """Write very much."""
    for _ in range(megabytes):
        print("x" * (1024 * 1024), flush=True)
    print("the end", flush=True)


@app.task
def mumble(ctx: TaskContext) -> None:
    """Write without flushing, and leave a word for the end of the process."""
    atexit.register(print, "at exit")
    print("never flushed")


@app.task
def breed(ctx: TaskContext, mark: str) -> None:
    """Start a child process of its own, and wait for it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(mark).write_text(str(child.pid))
    child.wait()


TASKS: dict[str, Any] = {
    name: value for name, value in list(globals().items()) if type(value).__name__ == "TaskDefinition"
}

if __name__ == "__main__":
    app.start()
