"""compare.json as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from flows.compare.record.concluded import Change, Conclusions
from flows.compare.record.observed import DIGEST, Cell, Policy
from flows.compare.record.value import Text, Value
from flows.engine.facts import Hint, Promise, Table
from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn
from flows.engine.pricing import BY_THE_MONTH
from flows.engine.scenario import Expected
from shared.faults.plan import Fault


class Product(Value):
    """What an engine says of itself."""

    title: str
    paid: str = Field("", description="by the second, by the month, or empty where costs are not compared.")
    promises: tuple[Promise, ...] = ()

    @property
    def monthly(self) -> bool:
        """Whether its machines are paid by the month."""
        return self.paid == BY_THE_MONTH

    def promises_of(self, scenario: str) -> tuple[Promise, ...]:
        """What is promised of a scenario."""
        return tuple(promise for promise in self.promises if scenario in promise.scenarios)


class Column(Value):
    """A column of the matrix."""

    title: str
    product: str = Field(description="Which orchestrator it stands for; empty for none.")
    stand_in: bool = Field(description="Our code replaces the product.")
    reruns: bool = Field(default=False, description="A step whose process ends is run again at once.")
    slots: bool = Field(default=True, description="No more shards run at a time than it is given workers.")
    ours: bool = Field(description="What survives a dead or hung process here is our code and not the engine.")
    observed_on: ObservedOn | None = None
    not_observed: str = Field("", description="Why it has no cells; empty where it has.")
    observed_until: str = Field("", description="Why some of its cells are missing; empty where none is.")
    recorded_in: str = Field("", description="The file of --with that it comes from; empty where it ran here.")
    apart: str = Field("", description="Why nothing is concluded from it: another job or policy; empty where it is.")


class Scenario(Value):
    """What was tried."""

    title: str
    purpose: str
    plan: tuple[Fault, ...]
    interruption: Interruption | None = None
    run_again: bool = False
    without_staging: bool = Field(default=False, description="Its staging is removed before it is started again.")
    promised_attempts: PositiveInt | None = None
    short_timeout: bool = Field(default=False, description="An attempt may take little longer than without faults.")
    generated: PositiveInt | None = None
    shards: PositiveInt | None = None
    expected: dict[str, Expected] = Field(description="By column.")


class PipelineName(Value):
    """What ran."""

    name: Text
    version: int
    reference: str
    verifies: bool = Field(default=False, description="It has verify, which looks at effects outside the store.")


class Reference(Value):
    """The run without faults and without an orchestrator that all cells are compared with."""

    digest: str = Field(pattern=DIGEST)
    varying: tuple[Text, ...] = Field((), description="What differs between two of them, not compared.")
    bytes_vary: bool = Field(default=False, description="So do the bytes of the shards' files.")


class Comparison(Value):
    """compare.json of shardwise compare; a reader accepts fields that it does not know."""

    version: Literal[3] = Field(3, alias="schema", description="Raised when a field changes its meaning or goes.")
    made_at: datetime
    machine: str
    versions: dict[str, str] = Field(description="Of the distributions that took part.")
    pipeline: PipelineName
    shards: PositiveInt = Field(description="Of a run, where a scenario does not say otherwise.")
    workers: PositiveInt = Field(description="Shards at a time.")
    wait_scale: NonNegativeFloat = Field(description="What the policy's waits were multiplied by.")
    declared: Policy
    reference: Reference
    products: dict[str, Product]
    columns: dict[str, Column]
    scenarios: dict[str, Scenario]
    cells: tuple[Cell, ...]
    hints: tuple[Hint, ...] = Field((), description="What the policy means on each engine.")
    limits: tuple[Table, ...] = Field((), description="What a stand-in cannot show.")
    conclusions: Conclusions = Conclusions()
    changes: tuple[Change, ...] | None = Field(None, description="With --against: what is not as it was.")

    @property
    def not_compared(self) -> list[str]:
        """What no verdict covers, in sentences without a full stop."""
        effects = f"The pipeline {self.pipeline.name} has no verify, so effects outside the store were not checked"
        varying = f"Two runs without faults differ in {'; '.join(self.reference.varying)}: that is not compared"
        times = "Files of two runs without faults differ in their bytes: their records are compared"
        return [
            *([] if self.pipeline.verifies else [effects]),
            *([varying] if self.reference.varying else []),
            *([times] if self.reference.bytes_vary else []),
        ]

    @property
    def subject(self) -> dict[str, str]:
        """What has to be equal for cells of two comparisons to say something about each other."""
        waits = ", ".join(f"{wait:g}" for wait in self.declared.waits_seconds)
        return {
            "the pipeline": f"{self.pipeline.name}, version {self.pipeline.version}",
            "the data": f"that with the digest {self.reference.digest}",
            "the number of shards": str(self.shards),
            "the policy": f"{self.declared.max_attempts} attempts, waits of {waits} s, "
            f"a timeout of {self.declared.timeout_seconds:g} s",
        }

    @property
    def together(self) -> Comparison:
        """The same without the columns from which nothing is concluded."""
        columns = {name: each for name, each in self.columns.items() if not each.apart}
        return self.model_copy(
            update={"columns": columns, "cells": tuple(cell for cell in self.cells if cell.column in columns)}
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse what leads nowhere and what cannot be: unknown scenarios and columns, and times to come."""
        until = datetime.now(UTC) + timedelta(days=1)
        for cell in self.cells:
            if cell.scenario not in self.scenarios or cell.column not in self.columns:
                raise ValueError(f"a cell is of {cell.scenario} on {cell.column}, which is not described")
            if cell.column not in self.scenarios[cell.scenario].expected:
                raise ValueError(f"a cell is of {cell.scenario} on {cell.column}, of which nothing is expected")
            if problem := cell.impossible(until):
                raise ValueError(f"the cell of {cell.scenario} on {cell.column} has {problem}")
        if unknown := {each.product for each in self.columns.values()} - {"", *self.products}:
            raise ValueError(f"columns are of {', '.join(sorted(unknown))}, which is not described")
        seen = (datetime.fromisoformat(each.observed_on.at) for each in self.columns.values() if each.observed_on)
        if (made_at := max([self.made_at, *seen])) > until:
            raise ValueError(f"it was made in the future, on {made_at:%Y-%m-%d}")
        return self

    def at(self, scenario: str, column: str | None = None) -> list[Cell]:
        """The cells of a scenario, all or those on one column."""
        return [cell for cell in self.cells if cell.scenario == scenario and column in {None, cell.column}]
