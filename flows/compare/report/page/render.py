"""report.html: one page, without scripts or anything from elsewhere, made of what compare.json holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.conclusions.numbers import in_words
from flows.compare.report.page import text
from flows.compare.report.page.tables import TABLES
from flows.compare.report.plans import plan_sentence

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Json = dict[str, Any]

FOLDER = Path(__file__).parent
SECTIONS = {  # a section is left out where compare.json has nothing for it
    "cells": "What became of each run",
    "changes": "What changed",
    "recommendations": "Which one",
    "delays": "Declared and observed waits",
    "scheduling": "How soon work begins",
    "slots": "Where waiting holds a slot",
    "amplification": "Retries of retries",
    "resume": "What resuming takes",
    "notices": "How soon the engine knows of a death",
    "cost": "What a million records cost",
    "lint": "What the policy means on each engine",
    "cloud": "What the local stand-in for Render can say about the cloud",
    "scenarios": "The scenarios and their evidence",
}
WIDE, NARROW = (960, 92), (328, 80)  # pixels of a figure, and of them for its labels


def render_page(content: Json) -> str:
    """The page of a comparison.

    Args:
        content: What compare.json holds; sections without a key of theirs are left out.
    """
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            content=content,
            sections={key: title for key, title in SECTIONS.items() if content.get(key)},
            tables=TABLES,
            text=text,
            plan_sentence=plan_sentence,
            in_words=in_words,
            tolerance=TOLERANCE,
            css=(FOLDER / "report.css").read_text(encoding="utf-8"),
            timeline=lambda name: _timeline(content, name),
            delays_chart=lambda: _delays(content),
            costs_chart=lambda: _costs(content),
        )
    )


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
    environment.filters["code"] = _code
    return environment


def _code(words: str) -> Markup:
    """Words between backticks as code."""
    from markupsafe import Markup, escape

    safe = str(escape(words))  # a plain str: joining parts of a Markup would escape the tags
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", safe))  # noqa: S704 — escaped just before


def _timeline(content: Json, scenario: str) -> list[Markup]:
    """The timeline of a scenario, wide and narrow; of repetitions the first that is not as expected, or the first."""
    from flows.compare.report.page.timelines import timeline

    cells = [text.cells_at(content, scenario, column) for column in content["columns"]]
    shown = [next((cell for cell in each if cell["mismatches"]), each[0]) for each in cells if each]
    return [timeline(shown, content["scenarios"][scenario], *sizes) for sizes in (WIDE, NARROW)]


def _delays(content: Json) -> list[Markup]:
    from flows.compare.report.page.charts import delays_chart

    return [delays_chart(content["delays"], *sizes) for sizes in (WIDE, NARROW)]


def _costs(content: Json) -> list[Markup]:
    from flows.compare.report.page.charts import costs_chart

    return [costs_chart(content["cost"], width) for width, _ in (WIDE, NARROW)]
