"""report.html: one page, without scripts or anything from elsewhere, made of what compare.json holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.conclusions.numbers import in_words
from flows.compare.report.page import text
from flows.compare.report.page.tables import TABLES
from flows.compare.report.plans import plan_sentence

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Cost, Delays

FOLDER = Path(__file__).parent
SECTIONS = {  # a section is left out where compare.json has nothing for it
    "cells": "What became of each run",
    "changes": "What changed",
    "delays": "Declared and observed waits",
    "scheduling": "How soon work begins",
    "slots": "Where waiting holds a slot",
    "amplification": "Retries of retries",
    "resume": "What resuming takes",
    "notices": "How soon the engine knows of a death",
    "cost": "What a million records cost",
    "hints": "What the policy means on each engine",
    "limits": "What a stand-in cannot show",
    "scenarios": "The scenarios and their evidence",
}
WIDE, NARROW = (960, 92), (328, 80)  # pixels of a figure, and of them for its labels


def render_page(comparison: Comparison) -> str:
    """The page of a comparison; sections without content are left out."""
    concluded = comparison.conclusions
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            content=comparison,
            concluded=concluded,
            sections={key: title for key, title in SECTIONS.items() if _content(comparison, key)},
            tables=TABLES,
            text=text,
            plan_sentence=plan_sentence,
            in_words=in_words,
            tolerance=TOLERANCE,
            css=(FOLDER / "report.css").read_text(encoding="utf-8"),
            timeline=lambda name: _timeline(comparison, name),
            delays_chart=lambda: _delays(concluded.delays),
            costs_chart=lambda: _costs(concluded.cost) if concluded.cost else [],
        )
    )


def _content(comparison: Comparison, section: str) -> object:
    """What a section shows."""
    return getattr(comparison if section in type(comparison).model_fields else comparison.conclusions, section)


def _environment() -> Environment:
    """Jinja2 that escapes all values; loaded here, so that other commands start without it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(code=_code)
    return environment


def _code(words: str) -> Markup:
    """Words between backticks as code."""
    from markupsafe import Markup, escape

    safe = str(escape(words))  # a plain str: joining parts of a Markup would escape the tags
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", safe))  # noqa: S704 — escaped just before


def _timeline(comparison: Comparison, scenario: str) -> list[Markup]:
    """The timeline of a scenario, wide and narrow; of repetitions the first that is not as expected, or the first."""
    from flows.compare.report.page.timelines import timeline

    cells = [comparison.at(scenario, column) for column in comparison.columns]
    shown = [next((cell for cell in each if not cell.judgement.as_expected), each[0]) for each in cells if each]
    return [timeline(shown, comparison.scenarios[scenario], *sizes) for sizes in (WIDE, NARROW)]


def _delays(delays: tuple[Delays, ...]) -> list[Markup]:
    from flows.compare.report.page.charts import delays_chart

    return [delays_chart(delays, *sizes) for sizes in (WIDE, NARROW)]


def _costs(cost: Cost) -> list[Markup]:
    from flows.compare.report.page.charts import costs_chart

    return [costs_chart(cost, width) for width, _ in (WIDE, NARROW)]
