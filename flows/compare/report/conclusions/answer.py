"""The answer first: a few sentences that somebody who must choose can act on, each with its evidence."""

from __future__ import annotations

from typing import Any

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.conclusions.evidence import Evidence
from flows.compare.report.conclusions.recommendations import ENDS
from flows.engine.verdicts import RECOVERED, Verdict

Json = dict[str, Any]

BROKEN = {Verdict.FAILED, Verdict.STUCK}
PRODUCTS = {"prefect": "Prefect", "render": "Render"}


def answer_of(content: Json) -> list[Json]:
    """Three to six sentences.

    Args:
        content: A comparison with its conclusions.

    Returns:
        For each its ``text``, and as evidence ``cells`` (scenario and column) and ``section`` (of the page, or empty).
    """
    seen = Evidence(content["cells"], content["columns"])
    sentences = [
        _correctness(content),
        *(_process_ends(seen, content, product) for product in PRODUCTS),
        _interrupted(seen, content),
        _waits(content),
        _unobserved(content),
    ]
    return [sentence for sentence in sentences if sentence]


def _correctness(content: Json) -> Json:
    wrong = [cell for cell in content["cells"] if cell["verdict"] == Verdict.WRONG]
    count = f"{len(content['cells'])} runs of {len(content['scenarios'])} scenarios"
    if wrong:
        where = ", ".join(dict.fromkeys(f"{cell['scenario']} on {cell['column']}" for cell in wrong))
        return _sentence(f"Of {count}, {len(wrong)} were silently wrong: {where}.", _places(wrong))
    unclear = [cell for cell in content["cells"] if cell["mismatches"]]
    others = f" {len(unclear)} were not as expected." if unclear else ""
    return _sentence(f"Of {count}, none was silently wrong.{others}", _places(unclear), "cells")


def _process_ends(seen: Evidence, content: Json, product: str) -> Json | None:
    """What a product makes of a step whose process ends or hangs, by column."""
    groups: dict[str, list[str]] = {}
    cells: list[tuple[str, str]] = []
    for column, about in content["columns"].items():
        found = {scenario: seen.verdict(scenario, column) for scenario in ENDS}
        verdicts = {verdict for verdict in found.values() if verdict}
        if about["product"] == product and verdicts:
            groups.setdefault(_in_words(verdicts), []).append(_title(column, about))
            cells += [(scenario, column) for scenario, verdict in found.items() if verdict]
    if not groups:
        return None
    said = "; ".join(f"{', '.join(columns)}: {what}" for what, columns in groups.items())
    text = f"When the process of a step is killed, hangs or leaves silently on {PRODUCTS[product]}: {said}."
    return _sentence(text, cells)


def _in_words(verdicts: set[Verdict]) -> str:
    if verdicts <= RECOVERED:
        return "the step is retried and the run completes"
    named = " or ".join(verdict.value for verdict in Verdict if verdict in verdicts)
    return f"the run ends {named}" if verdicts <= BROKEN else f"it depends, {named}"


def _interrupted(seen: Evidence, content: Json) -> Json | None:
    name = "kill_orchestrator_then_run_again"
    columns = [column for column in content["columns"] if seen.verdict(name, column) is Verdict.OURS]
    if not columns:
        return None
    orphans = [column for column in columns if seen.overlaps(name, column)]
    beside = f" On {', '.join(orphans)} attempts of the first start still ran beside the second." if orphans else ""
    text = (
        f"When the process that started a run dies, start the run again: it completes on {', '.join(columns)}.{beside}"
    )
    return _sentence(text, [(name, column) for column in columns])


def _waits(content: Json) -> Json | None:
    """How far the waits are from what was declared, queued ones apart."""
    delays = [delay for delay in content["delays"] if delay["late_by"] is not None]
    if not delays:
        return None
    latest = max(delays, key=lambda delay: delay["late_by"])
    early = [f"{delay['column']} by {delay['early_by']:g} s" for delay in delays if delay["early_by"]]
    late = f"at most {latest['late_by'] + TOLERANCE:.2f} s after they were due ({latest['column']})"
    if not latest["late_by"]:
        late = f"within {TOLERANCE:g} s of the declared wait"
    text = f"Retries came {late}" + (f", and too early on {', '.join(early)}." if early else ", and never early.")
    return _sentence(text, [], "delays")


def _unobserved(content: Json) -> Json | None:
    absent = {name: about["not_observed"] for name, about in content["columns"].items() if about["not_observed"]}
    stand_ins = [name for name, about in content["columns"].items() if about["stand_in"] and about["observed_on"]]
    parts = [f"{name} was not observed ({why})" for name, why in absent.items()]
    parts += [f"{name} is a local stand-in and no statement about the cloud" for name in stand_ins]
    return _sentence(f"{'; '.join(parts)}.", [], "cells") if parts else None


def _title(column: str, about: Json) -> str:
    return f"{column} (stand-in)" if about["stand_in"] else column


def _places(cells: list[Json]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((cell["scenario"], cell["column"]) for cell in cells))


def _sentence(text: str, cells: list[tuple[str, str]], section: str = "") -> Json:
    return {"text": text, "cells": [list(cell) for cell in cells], "section": section}
