"""A worker without the SDK: sends the given requests, and records the answers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any


def send(method: str, path: str, body: str | None) -> dict[str, Any]:
    """Send one request over the socket that the server made for this process, and describe the answer.

    Head and body leave in one write: a server may answer the head, and close, before a second one.
    """
    content = (body or "").encode()
    length = "" if body is None else f"Content-Length: {len(content)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}\r\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(15)
        connection.connect(os.environ["RENDER_SDK_SOCKET_PATH"])
        connection.sendall(head.encode() + content)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return {"status": answer.status, "body": answer.read().decode(), "type": answer.headers.get("Content-Type")}


def write(path: Path, reports: list[dict[str, Any]]) -> None:
    """Write a report so that a reader sees all of it or none."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(reports))
    draft.rename(path)


def act(step: dict[str, Any], reports: list[dict[str, Any]]) -> None:
    """Take one step of the script."""
    if "exit" in step:
        os._exit(step["exit"])
    elif "sleep" in step:
        time.sleep(step["sleep"])
    else:
        body = step.get("body")
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        for number, report in enumerate(reports):
            if text and report["body"].startswith('{"task_run_id"'):
                text = text.replace(f"ID{number}", json.loads(report["body"])["task_run_id"])
        answer = send(step["method"], step["path"], text)
        while step.get("until_ended") and json.loads(answer["body"])["still_running"]:
            time.sleep(0.05)
            answer = send(step["method"], step["path"], text)
        reports.append(answer)


def run() -> None:
    """Fetch the script from the input, and follow it."""
    first = send("GET", "/input?unknown=1", None)
    document = json.loads(first["body"])
    [script] = json.loads(base64.b64decode(document["input"]))
    reports = [first]
    for step in script["steps"]:
        act(step, reports)
        if script.get("report"):
            write(Path(script["report"]), reports)


def register() -> None:
    """Declare one task, and write down the answer."""
    body = json.dumps({"tasks": [{"name": "script", "options": {}}, {"name": "other", "options": {}}], "unknown": 1})
    empty = send("GET", "/input", None)
    report = [empty, send("POST", "/register-tasks", body)]
    write(Path(os.environ["SCRIPTED_FOLDER"], "register.json"), report)


if __name__ == "__main__":
    {"run": run, "register": register}[os.environ["RENDER_SDK_MODE"]]()
    sys.exit(0)
