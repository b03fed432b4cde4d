"""``shardwise check``: its options, its progress, its exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.exits import FAILED
from flows.commands.options import JsonOption  # noqa: TC001 — typer reads the annotations
from flows.commands.progress import console
from shared.run.errors import StoppedError, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.check.checking import Wanted
    from flows.check.record import CheckRecord
    from flows.check.watching import Watched

WIDE = 160  # columns of text if the output is not a terminal


TargetArgument = Annotated[
    str, typer.Argument(help="Flow, app or pipeline, such as etl.py:nightly or my_team.clicks:pipeline")
]
WatchOption = Annotated[
    list[str] | None,
    typer.Option(help="State to compare: a file, a folder, the URL of a database or bucket, or module:function"),
]
ResetOption = Annotated[str, typer.Option(help="Command that restores the watched state before a run")]
ParamOption = Annotated[
    list[str] | None, typer.Option(help="Parameter of the flow or pipeline, key=value; may be repeated")
]
TaskOption = Annotated[str, typer.Option(help="Task of the app to start")]
InputOption = Annotated[str, typer.Option(help="Arguments of that task as JSON, such as '[7]'")]
OnlyOption = Annotated[
    list[str] | None, typer.Option(help="Kinds of experiments: crash, error, overlap, repeat, orchestrator")
]
AllowOption = Annotated[
    list[str] | None, typer.Option(help="Allow unsafe results of: etl.py:41, a task, a kind, task/kind, not-checked")
]
MaxRunsOption = Annotated[
    int, typer.Option(min=1, help="Maximum number of experiments; lines that call other modules come first")
]
TimeoutOption = Annotated[
    float | None, typer.Option(min=1, help="Timeout of one run, in seconds (default: from a run without faults)")
]
SeedOption = Annotated[int, typer.Option(help="Seed for the order of experiments")]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Allow changes to state on other machines; restore what a killed check left")
]
RestoreOption = Annotated[
    bool, typer.Option("--restore", help="Restore what a killed check left in this folder, and do nothing else")
]
OutOption = Annotated[Path, typer.Option(help="Folder for check.html, check.json, check.junit.xml")]


def check(  # noqa: PLR0913 — one parameter per option
    *,
    target: TargetArgument = "",
    watch: WatchOption = None,
    reset: ResetOption = "",
    param: ParamOption = None,
    task: TaskOption = "",
    input: InputOption = "",  # noqa: A002 — the option's name
    only: OnlyOption = None,
    allow: AllowOption = None,
    max_runs: MaxRunsOption = 500,
    timeout: TimeoutOption = None,
    seed: SeedOption = 0,
    yes: YesOption = False,
    restore: RestoreOption = False,
    out: OutOption = Path("shardwise-check"),
    as_json: JsonOption = False,
) -> None:
    """Check whether a job is safe to retry: inject faults at each line and compare the resulting state.

    Exit status: 0 all results are safe or allowed, 1 some are not, 2 the job could not be checked.
    """
    folder = Path.cwd()
    _restore_leftover(folder, yes=yes or restore)
    if restore:
        return
    if not target:
        raise TerminalError("name what to check, such as `shardwise check etl.py:nightly --watch orders.db`")
    from flows.check.checking import Wanted  # imported here, so that other commands start faster
    from flows.check.experiments import find_kinds
    from flows.check.watching import Watched

    wanted = Wanted(target, tuple(param or ()), input, task, find_kinds(only or ()), max_runs, seed, timeout)
    watched = Watched.named(watch or (), reset, folder)
    _agree(watched, yes=yes)
    _make(out)
    record = _record(wanted, watched, allow or ())
    _report(record, out, as_json=as_json)
    if not record.safe:
        sys.exit(FAILED)


def _record(wanted: Wanted, watched: Watched, allow: Sequence[str]) -> CheckRecord:
    from flows.check.checking import check as carry_out
    from flows.check.progress import Shown
    from flows.check.reporting import make_record

    with Shown(console) as progress:
        try:
            checked = carry_out(wanted, watched, progress)
        except KeyboardInterrupt:
            raise StoppedError("interrupted; the watched state is restored, and nothing is left running") from None
    return make_record(checked, watched, allow)


def _report(record: CheckRecord, out: Path, *, as_json: bool) -> None:
    from rich.console import Console

    from flows.check.report.files import write_reports
    from flows.check.report.terminal import print_check

    write_reports(record, out)
    if as_json:
        typer.echo(record.model_dump_json(indent=1))
    else:
        print_check(Console(width=None if sys.stdout.isatty() else WIDE), record)
        typer.echo(f"report in {out}")


def _restore_leftover(folder: Path, *, yes: bool) -> None:
    """Restore what a killed check left, if the user agrees."""
    from flows.check.saved_state import find_leftover, offer

    if leftover := find_leftover(folder):
        offer(leftover, _asking(yes=yes))


def _asking(*, yes: bool) -> Callable[[str], bool]:
    def ask(what: str) -> bool:
        if yes:
            console.print(f"{what} It is restored now.", markup=False)
            return True
        if not sys.stdin.isatty():
            raise TerminalError(f"{what} Restore it with `shardwise check --restore`.")
        return typer.confirm(f"{what} Restore it now?", default=True, err=True)

    return ask


def _agree(watched: Watched, *, yes: bool) -> None:
    """Ask the user to agree to changes on other machines."""
    names = [source.name for source in watched.sources if source.elsewhere]
    if names and not yes:
        raise TerminalError(
            f"the check runs the target many times, kills it, and changes {', '.join(names)}, which may be on another "
            f"machine; add --yes if that may be done, and `{watched.reset}` makes it again what it was"
        )


def _make(out: Path) -> None:
    """Create the report's folder before the experiments, so that an error is reported at once."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(f"--out {out} cannot be a folder for the report: {error.strerror}") from error
