"""``python -m tests.flows.check.matrix``: each known target as flow, app and pipeline, by three seeds; takes hours."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.check.experiments import Kind
from tests.flows.check.known_targets import answer, checked, known_targets, problems, references

FORMS = ("pipeline", "flow", "app")


def main() -> int:
    """Print what each check finds; 1 when one is wrong, or when seeds do not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forms", default=",".join(FORMS), help="of the targets")
    parser.add_argument("--targets", default=",".join(known_targets()), help="their names")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    options = parser.parse_args()
    rows = [
        _row(form, name, options.seeds)
        for form in options.forms.split(",")
        for name in options.targets.split(",")
        if form in references(name)
    ]
    _say(f"{len(rows)} targets, {rows.count(False)} wrong")
    return int(not all(rows))


def _row(form: str, name: str, seeds: int) -> bool:
    """Whether all seeds give the known answer to one target."""
    started, known = time.monotonic(), known_targets()[name]
    reference, more = references(name)[form]
    wrong, answers, experiments = [], [], 0
    for seed in range(seeds):
        with TemporaryDirectory(prefix="check-matrix-") as folder:
            record = checked(Path(folder), reference, tuple(Kind), seed=seed, **more)
        wrong += problems(known, record)
        answers.append(answer(record))
        experiments += len(record.trials)
    if any(each != answers[0] for each in answers):
        wrong.append(f"seeds do not agree: {answers}")
    told = "; ".join(f"{line or 'whole run'} {' '.join(sorted(kinds))}" for line, kinds in sorted(answers[0].items()))
    seconds = time.monotonic() - started
    _say(f"{form:<9} {name:<21} {told or 'safe':<60} {experiments} experiments, {seconds:.0f} s")
    for text in dict.fromkeys(wrong):
        _say(f"  WRONG: {text}")
    return not wrong


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 — a command


if __name__ == "__main__":
    sys.exit(main())
