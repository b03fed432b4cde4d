"""Renders report.html: one page without scripts or external resources, made from compare.json."""

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
    "changes": "What changed",
    "contrast": "Where the columns differ most",
    "recovery": "Time to recovery",
    "delays": "Declared and observed waits",
    "cost": "What a million records cost",
    "scheduling": "How soon work begins",
    "slots": "Where waiting holds a slot",
    "amplification": "Retries of retries",
    "resume": "What resuming takes",
    "notices": "How soon the engine knows of a death",
    "hints": "What the policy means on each engine",
    "limits": "What a stand-in cannot show",
    "provenance": "When, where and with what it was made",
    "scenarios": "The scenarios and their evidence",
}
FOLDED = {"scheduling", "slots", "amplification", "resume", "notices", "hints", "limits", "provenance"}
WIDE, NARROW = 960, 328  # pixels of a figure


def render_page(comparison: Comparison) -> str:
    """The page of a comparison; sections without content are left out."""
    from flows.compare.report.page.recovery import recovery_seconds
    from flows.compare.report.page.timelines import most_differing, shown, timelines

    concluded, recovery, differing = comparison.conclusions, recovery_seconds(comparison), most_differing(comparison)
    derived = {"contrast": differing, "recovery": recovery, "provenance": True}
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=_title(comparison),
            content=comparison,
            concluded=concluded,
            recovery=recovery,
            differing=differing,
            sections={key: title for key, title in SECTIONS.items() if derived.get(key) or _content(comparison, key)},
            folded=FOLDED,
            tables=TABLES,
            text=text,
            plan_sentence=plan_sentence,
            in_words=in_words,
            tolerance=TOLERANCE,
            css=(FOLDER / "report.css").read_text(encoding="utf-8"),
            timelines=lambda name: timelines(shown(comparison, name), comparison.scenarios[name]),
            waits_chart=lambda: _waits(concluded.delays),
            costs_chart=lambda: _costs(concluded.cost) if concluded.cost else [],
        )
    )


def _title(comparison: Comparison) -> str:
    products = " and ".join(product.title for product in comparison.products.values())
    return f"{products or 'Engines'}, same faults"


def _content(comparison: Comparison, section: str) -> object:
    """What a section shows."""
    return getattr(comparison if section in type(comparison).model_fields else comparison.conclusions, section, None)


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


def _waits(delays: tuple[Delays, ...]) -> Markup:
    from flows.compare.report.page.waits import waits_chart

    return waits_chart(delays)


def _costs(cost: Cost) -> list[Markup]:
    from flows.compare.report.page.charts import costs_chart

    return [costs_chart(cost, width) for width in (WIDE, NARROW)]
