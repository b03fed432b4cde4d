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
    from flows.check.checking import Progress
    from flows.check.experiments import Experiment, Kind
    from flows.check.record import CheckRecord, Finding
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
    progress: Progress | None = None,
    **more: str,
) -> CheckRecord:
    """The record of a check of one of the targets, in a folder of its own."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    watched = Watched.named(WATCHED, "", folder)
    wanted = Wanted(reference, kinds=kinds, seed=seed, **more)  # type: ignore[arg-type] # texts
    return make_record(check(wanted, watched, progress or Silent()), watched, [])


def blamed(record: CheckRecord) -> dict[int, set[Kind]]:
    """The lines of the targets' source that had run before harm was found, and by which experiments it was."""
    lines: dict[int, set[Kind]] = {}
    for finding in record.findings:
        lines.setdefault(line_of(finding), set()).update(finding.kinds)
    return lines


def line_of(finding: Finding) -> int:
    """The line that had run; 0 where the finding is about the whole run."""
    return finding.before_line if finding.file.endswith("work.py") else 0
