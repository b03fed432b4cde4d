"""A run's result as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

BAR_WIDTH = 24  # characters of a full bar


def print_summary(console: Console, result: dict[str, Any]) -> None:
    """Print counts, health, distributions and where the profiles are."""
    statistics = result["statistics"]
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(result).items():
        table.add_row(f"[bold]{name}[/]", value)
    table.add_row("[bold]health[/]", f"{statistics['avg_health_score']} on average, of 100")
    for title, key in (("churn risk", "churn_distribution"), ("expansion", "expansion_distribution")):
        table.add_row(f"[bold]{title}[/]", _bars(statistics[key]))
    console.print(table)
    console.print(f"[bold]profiles in[/] {result['output']}", soft_wrap=True, highlight=False)


def _facts(result: dict[str, Any]) -> dict[str, str]:
    attempts = sum(timing["attempt"] - 1 for timing in result["shard_timings"])
    retried = f", {attempts} retried" if attempts else ""
    facts = {
        "run": f"{result['run_id']} on {result['engine']}",
        "merged": f"{result['profiles_generated']:,} profiles from {result['records_processed']:,} records",
        "shards": f"{result['shards_processed']}{retried}",
        "rejects": f"{result['rejects']:,} rows, of {result['customers_with_rejects']:,} merged customers",
        "duplicates": _counts(result["duplicates"]),
        "unknown": _counts(result["unknown_values"]),
        "digest": result["digest"],
    }
    return {name: value for name, value in facts.items() if value and not (name == "rejects" and not result["rejects"])}


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} in {name}" for name, count in counts.items() if count)


def _bars(distribution: dict[str, int]) -> str:
    total = sum(distribution.values()) or 1
    return "\n".join(
        f"{level:<6} {'█' * round(BAR_WIDTH * count / total):<{BAR_WIDTH}} {count / total:6.1%}  {count:,}"
        for level, count in distribution.items()
    )
