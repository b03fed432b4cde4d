"""check.html: one page, without scripts or anything from elsewhere, made of what check.json holds."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flows.check.report import text
from flows.check.trials import Verdict
from shared.tracing.plan import END

if TYPE_CHECKING:
    from flows.check.record import CheckRecord, SourceRecord, TrialRecord

FOLDER = Path(__file__).parent
LETTERS = {
    Verdict.UNSAFE: "U",
    Verdict.DOES_NOT_RECOVER: "R",
    Verdict.NOT_REACHED: "N",
    Verdict.SAFE: "S",
}
CLASSES = {
    Verdict.UNSAFE: "unsafe",
    Verdict.DOES_NOT_RECOVER: "stuck",
    Verdict.NOT_REACHED: "unreached",
    Verdict.SAFE: "safe",
}
WORST = list(LETTERS)


class Marked(NamedTuple):
    """A line of source with its mark."""

    number: int
    text: str
    letter: str
    kind: str
    title: str


class Function(NamedTuple):
    """A function of a task."""

    file: str
    lines: list[Marked]
    after: Marked | None


def render_page(record: CheckRecord) -> str:
    """The page of a check."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("check.html.j2").render(
        record=record,
        text=text,
        kinds=text.kinds(record),
        classes=CLASSES,
        letters=LETTERS,
        functions={task.name: _functions(record, task.name) for task in record.tasks},
        css=(FOLDER / "check.css").read_text(encoding="utf-8"),
    )


def _functions(record: CheckRecord, task: str) -> list[Function]:
    marks: defaultdict[tuple[str, int], list[TrialRecord]] = defaultdict(list)
    for trial in record.trials:
        if trial.task == task and (not trial.finding or record.findings[trial.finding - 1].task == task):
            marks[trial.file or trial.before_file, trial.line].append(trial)
    return [_function(source, marks) for source in record.sources if source.task == task]


def _function(source: SourceRecord, marks: dict[tuple[str, int], list[TrialRecord]]) -> Function:
    numbered = list(enumerate(source.lines, source.first))
    lines = [_marked(number, line, marks.get((source.file, number), [])) for number, line in numbered]
    ends = [
        trial
        for trial in marks.get((source.file, END), [])
        if source.first <= trial.before_line < source.first + len(source.lines)
    ]
    return Function(source.file, lines, _marked(0, "after the last line", ends) if ends else None)


def _marked(number: int, line: str, trials: list[TrialRecord]) -> Marked:
    if not trials:
        return Marked(number, line, "", "", "")
    worst = min((trial.verdict for trial in trials), key=WORST.index)
    title = "; ".join(dict.fromkeys(f"{trial.kind.value}: {trial.verdict.value}" for trial in trials))
    return Marked(number, line, LETTERS[worst], CLASSES[worst], title)
