"""The twelve targets: what a check must find in each of them, read from the comments in their source."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.check.checking import Wanted, check
from flows.check.reporting import make_record
from flows.check.watching import Watched

if TYPE_CHECKING:
    from flows.check.experiments import Experiment, Kind
    from flows.check.record import CheckRecord
    from flows.check.trials import Trial

FOLDER = Path(__file__).parent / "targets"
WATCHED = ("shop.db", "out/", "shop.lock")
FUNCTION, HARM = re.compile(r"def (\w+)\(number"), re.compile(r"# harm: ([\w ]+)$")


@dataclass(frozen=True)
class Known:
    """What is known of a target.

    Attributes:
        name: Of it.
        line: That does harm if it runs again or if the work ends after it; 0 for a safe target.
        kinds: Of experiments that must show it.
    """

    name: str
    line: int = 0
    kinds: frozenset[str] = frozenset()


def known_targets() -> dict[str, Known]:
    """All twelve, by name."""
    found: dict[str, Known] = {}
    name = ""
    for number, text in enumerate((FOLDER / "work.py").read_text().splitlines(), 1):
        if match := FUNCTION.match(text):
            name = match[1]
            found[name] = Known(name)
        elif match := HARM.search(text):
            found[name] = Known(name, number, frozenset(match[1].split()))
    return found


def references(name: str) -> dict[str, tuple[str, dict[str, str]]]:
    """How a target is named as a flow, an app and a pipeline; a task of an app is not told which attempt it is."""
    app = {} if name == "key_with_attempt" else {"app": ("shop_app.py:app", {"task": name, "input": "[7]"})}
    return {"pipeline": (f"pipelines.py:{name}", {}), "flow": (f"nightly.py:{name}", {}), **app}


class Silent:
    """Shows no progress."""

    def phase(self, text: str) -> None:
        """Nothing."""

    def begin(self, experiment: Experiment, number: int, total: int) -> None:
        """Nothing."""

    def end(self, trial: Trial) -> None:
        """Nothing."""


def checked(
    folder: Path,
    reference: str,
    kinds: tuple[Kind, ...],
    *,
    seed: int = 0,
    **more: str,
) -> CheckRecord:
    """The record of a check of one of the targets, in a folder of its own."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    watched = Watched.named(WATCHED, "", folder)
    wanted = Wanted(reference, kinds=kinds, seed=seed, task=more.get("task", ""), input=more.get("input", ""))
    return make_record(check(wanted, watched, Silent()), watched, [])


def answer(record: CheckRecord) -> dict[int, set[str]]:
    """The lines of the targets' source that had run before harm was found, and by which experiments; 0 for others."""
    lines: dict[int, set[str]] = {}
    for finding in record.findings:
        line = finding.before_line if finding.file.endswith("work.py") else 0
        lines.setdefault(line, set()).update(finding.kinds)
    return lines


def problems(known: Known, record: CheckRecord) -> list[str]:
    """What a record says that is not so, a sentence each; harm of a whole run and before a task's first line is 0."""
    found = answer(record)
    wrong = [f"{trial.kind} was not reached at line {trial.line}" for trial in record.trials if not trial.happened]
    if not known.line:
        return wrong + [f"a safe target is blamed at line {line} by {sorted(kinds)}" for line, kinds in found.items()]
    if missed := known.kinds - found.get(known.line, set()):
        wrong.append(f"line {known.line} is not found by {sorted(missed)}")
    return wrong + [
        f"line {line} is blamed by {sorted(kinds)}" for line, kinds in found.items() if line not in {0, known.line}
    ]
