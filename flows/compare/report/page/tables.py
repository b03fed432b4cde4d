"""The tables of the report page: which fields of a list in compare.json are shown, under what name, in what form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One column of a table.

    Attributes:
        key: Of a row.
        head: Above the column; with the unit.
        form: A format for numbers, such as ``.3f``; empty for text.
        zero: Shown for 0; empty where that is a number like others.
        nothing: Shown where a row has no value.
    """

    key: str
    head: str
    form: str = ""
    zero: str = ""
    nothing: str = ""

    def show(self, row: dict[str, object]) -> str:
        """What a row has here."""
        value = row.get(self.key)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value is None:
            return self.nothing
        if self.zero and not value:
            return self.zero
        return format(value, self.form) if self.form else str(value)


COLUMN = Field("column", "column")
TABLES = {
    "delays": (
        COLUMN,
        Field("retry", "retry", "d"),
        Field("declared", "declared, s", ".3f"),
        Field("n", "observed", "d"),
        Field("shortest", "shortest, s", ".3f"),
        Field("median", "median, s", ".3f"),
        Field("longest", "longest, s", ".3f"),
        Field("queued", "of them queued", "d"),
        Field("missed_by", "missed by, s", ".3f", zero="kept", nothing="all queued"),
    ),
    "slots": (
        COLUMN,
        Field("waiting_seconds", "waited, s", ".3f"),
        Field("others_at_once", "others at once", "d"),
        Field("workers", "places", "d"),
        Field("held", "place held"),
        Field("queued", "retry queued"),
    ),
    "amplification": (
        COLUMN,
        Field("first_start_attempts", "attempts, first start", "d"),
        Field("second_start_attempts", "attempts, second start", "d"),
        Field("others_again", "committed shards done again", "d"),
    ),
    "resume": (
        COLUMN,
        Field("undisturbed_seconds", "undisturbed, s", ".2f"),
        Field("interrupted_seconds", "until killed, s", ".2f"),
        Field("resumed_seconds", "resumed, s", ".2f"),
        Field("shards_left", "shards left", "d"),
        Field("done_again", "done again", "d"),
    ),
    "cost": (
        COLUMN,
        Field("slot_seconds_per_million", "slot-seconds", ",.1f"),
        Field("waiting_seconds_per_million", "waiting, s", ",.1f"),
        Field("waiting_held", "waiting holds a place"),
        Field("dollars_per_million", "dollars", ".5f"),
        Field("how", "paid as"),
    ),
    "prices": (
        Field("what", "what"),
        Field("dollars_per_hour", "dollars per hour", ".4f"),
        Field("source", "source"),
    ),
    "lint": (Field("engine", "engine"), Field("level", "level"), Field("rule", "rule"), Field("told", "what to know")),
    "cloud": (
        Field("what", "behaviour"),
        Field("here", "our local server"),
        Field("cloud", "Render's cloud"),
        Field("source", "documented"),
    ),
}
