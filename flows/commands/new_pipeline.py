"""``shardwise new-pipeline``: writes a template for your own pipeline."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from shared.run.errors import TerminalError

TEMPLATE = Path(__file__).with_name("pipeline_template.py")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def new_pipeline(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The module's name, such as clicks")],
) -> None:
    """Write NAME.py, a pipeline that you can run and change, into the current folder."""
    path = Path(f"{name}.py")
    if not NAME.fullmatch(name):
        raise TerminalError(f"the name is {name!r:.80}; it must be small letters, digits and '_', first a letter")
    if path.exists():
        raise TerminalError(f"{path} exists; use another name, or remove it")
    if find_spec(name) is not None:
        raise TerminalError(f"a module {name} exists and would be imported instead; use another name")
    path.write_bytes(TEMPLATE.read_bytes())
    typer.echo(f"wrote {path}; run it with\n\n  shardwise run --pipeline {name} --engine local")
