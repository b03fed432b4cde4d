"""The tables of the report page: fields of compare.json, their heads and formats."""

from __future__ import annotations

from dataclasses import dataclass

from flows.compare.record.concluded import Spread
from flows.compare.report.conclusions.numbers import in_words


@dataclass(frozen=True)
class Field:
    """One column of a table.

    Attributes:
        key: The key in a row.
        head: The head of the column, with the unit.
        form: A format for numbers, such as ``.3f``, or ``spread`` for a median with its spread; empty for text.
        zero: The text for 0; empty if 0 is shown as a number.
        nothing: The text for a missing value.
    """

    key: str
    head: str
    form: str = ""
    zero: str = ""
    nothing: str = ""

    def show(self, row: object) -> str:
        """Return the text for a row."""
        value = getattr(row, self.key)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value is None:
            return self.nothing
        if self.zero and not value:
            return self.zero
        if isinstance(value, Spread):
            return in_words(value)
        return format(value, self.form) if self.form else str(value)

    @property
    def is_number(self) -> bool:
        """Whether it is set to the right."""
        return self.form not in {"", "spread"}


COLUMN = Field("column", "column")
TABLES = {
    "changes": (Field("where", "where"), Field("message", "what changed"), Field("regression", "worse")),
    "delays": (
        COLUMN,
        Field("retry", "retry", "d"),
        Field("declared", "declared, s", ".3f"),
        Field("n", "observed", "d"),
        Field("shortest", "shortest, s", ".3f"),
        Field("median", "median, s", ".3f"),
        Field("longest", "longest, s", ".3f"),
        Field("queued", "of them queued", "d"),
        Field("early_by", "early by, s", ".3f", zero="kept"),
        Field("late_by", "late by, s", ".3f", zero="kept", nothing="all queued"),
    ),
    "scheduling": (
        COLUMN,
        Field("shards", "shards", "d"),
        Field("first_claim", "trigger to first claim, s", "spread", nothing="not measured"),
        Field("due_to_claim", "shard due to its claim, s", "spread", nothing="not measured"),
        Field("whole", "whole run, s", "spread", nothing="not measured"),
    ),
    "slots": (
        COLUMN,
        Field("waiting_seconds", "waited, s", ".3f"),
        Field("others_at_once", "others at once", "d"),
        Field("workers", "slots", "d"),
        Field("held", "slot held"),
        Field("queued", "retry queued"),
    ),
    "amplification": (
        COLUMN,
        Field("first_start_attempts", "attempts, first start", "d"),
        Field("second_start_attempts", "attempts, second start", "d"),
        Field("others_again", "committed shards processed again", "d"),
    ),
    "resume": (
        COLUMN,
        Field("undisturbed", "undisturbed, s", "spread", nothing="not measured"),
        Field("interrupted", "until killed, s", "spread"),
        Field("resumed", "resumed, s", "spread"),
        Field("reprocessed", "processed again", "d"),
        Field("at_once", "attempts at once", "d"),
    ),
    "notices": (
        Field("scenario", "scenario"),
        COLUMN,
        Field("known", "engine knows after, s", "spread", nothing="not while watched"),
        Field("slot_free", "slot free after, s", "spread", nothing="not while watched"),
        Field("again", "started again after, s", "spread", nothing="not started again"),
        Field("watched_for", "watched for, s", ".0f"),
    ),
    "prices": (
        Field("what", "what"),
        Field("dollars", "dollars", ".2f"),
        Field("per", "per"),
        Field("paid", "paid"),
        Field("source", "source"),
        Field("as_of", "as of"),
    ),
    "hints": (
        Field("engine", "engine"),
        Field("level", "level"),
        Field("rule", "rule"),
        Field("message", "what to know"),
    ),
}
