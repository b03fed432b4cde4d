"""Describes a finding in sentences: what was done, the result, and the lines that had run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.check.calls import source_lines
from flows.check.experiments import NEW_RUN, Kind
from flows.check.trials import Recovery, Verdict
from shared.tracing.plan import END

if TYPE_CHECKING:
    from flows.check.findings import Found
    from flows.check.trials import Trial

DONE = {
    Kind.CRASH: "killed before this line",
    Kind.ERROR: "a connection lost before this line",
    Kind.OVERLAP: "paused before this line while a second attempt ran",
    Kind.REPEAT: "finished, then delivered again",
    Kind.ORCHESTRATOR: "the run's own process killed before this line",
}
RECOVERED = {
    Recovery.NONE: "",
    Recovery.ENGINE: ", then retried",
    Recovery.RETRY: ", then the run was retried",
    Recovery.RESTART: ", then the run was started again",
    Recovery.FAILED: ", then the run was retried and started again",
}
SHOWN = 100  # characters of a source line


def sentences(found: Found) -> str:
    """Return the sentences of a finding."""
    first = found.first
    if found.verdict is Verdict.NOT_REACHED:
        return f"The run did not come to this place again ({len(found.trials)} experiments)."
    done = _done(first)
    recovered = "" if first.experiment.kind in {Kind.OVERLAP, Kind.REPEAT} else RECOVERED[first.recovery]
    texts = [f"{done}{recovered}."]
    if found.verdict is Verdict.DOES_NOT_RECOVER:
        texts.append(f"The run never completed: {first.message}")
    texts += [f"{each.text}." for each in first.differences]
    return " ".join([_capital(texts[0]), *texts[1:], *_lines(first)])


def _done(trial: Trial) -> str:
    experiment = trial.experiment
    if experiment.place is None:
        return (
            "a new run after the run had finished" if experiment.again == NEW_RUN else "the finished run started again"
        )
    text = DONE[experiment.kind]
    if experiment.place.line == END:
        text = text.replace("before this line", "after the last line")
    which = f" in task run {experiment.run} of {experiment.runs}" if experiment.runs > 1 and experiment.run else ""
    return text if not which or experiment.kind is Kind.ORCHESTRATOR else f"{text}{which}"


def _lines(trial: Trial) -> list[str]:
    """Return which line had run, and which had not."""
    place, before = trial.experiment.place, trial.experiment.before
    if place is None or before is None or trial.experiment.kind is Kind.REPEAT:
        return []
    told = f"Line {before[1]} ({_source(*before)}) had run"
    return [f"{told}, line {place.line} ({_source(place.file, place.line)}) had not." if place.line > 0 else f"{told}."]


def _source(file: str, line: int) -> str:
    lines = source_lines(file)
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return f"`{text[:SHOWN]}{'…' if len(text) > SHOWN else ''}`"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
