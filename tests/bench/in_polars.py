"""The merge in polars as a user would write it, without checks, shards, keys or digests: four CSVs, one Parquet."""

import sys

import polars as pl

SOURCES = ("crm", "billing", "product", "support")


def merged(data: str) -> pl.LazyFrame:
    """One row per customer of any source."""
    frames = [pl.scan_csv(f"{data}/{name}.csv").rename({"email": f"email_{name}"}) for name in SOURCES]
    profiles = frames[0]
    for frame in frames[1:]:
        profiles = profiles.join(frame, on="customer_id", how="full", coalesce=True)
    emails = [f"email_{name}" for name in SOURCES]
    return profiles.with_columns(email=pl.coalesce(emails)).drop(emails)


def scored(profiles: pl.LazyFrame) -> pl.LazyFrame:
    """The profiles with their three scores."""
    usage, nps, tickets = pl.col("usage_pct"), pl.col("nps_score"), pl.col("open_tickets")
    payment = pl.col("payment_status").str.strip_chars().str.to_lowercase().str.replace_all(" ", "_")
    plan = pl.col("plan").str.strip_chars().str.to_lowercase()
    stage = pl.col("deal_stage").str.strip_chars().str.to_lowercase()
    unpaid = payment.is_in(["past_due", "failed"])
    health = (
        50
        + first((usage >= 80, 20), (usage >= 60, 10), (usage < 30, -10))
        + first((payment == "active", 15), (unpaid, -15))
        + first((nps >= 9, 10), (nps >= 7, 5), (nps <= 5, -10))
        + first((tickets == 0, 5), (tickets > 3, -5))
    )
    churn = (
        first((usage < 30, 3), (usage < 50, 1)) + first((unpaid, 3)) + first((nps <= 6, 2)) + first((tickets > 3, 1))
    )
    expansion = (
        first((usage >= 80, 3), (usage >= 60, 1))
        + first((plan.is_in(["starter", "free", "basic"]), 2), (plan.is_in(["business", "professional"]), 1))
        + first((nps >= 9, 2))
        + first((stage == "enterprise", 1))
    )
    return profiles.with_columns(
        health_score=health.clip(0, 100), churn_risk=level(churn), expansion_potential=level(expansion)
    )


def first(*cases: tuple[pl.Expr, int]) -> pl.Expr:
    """The points of the first case that holds, else 0."""
    points = pl.lit(0)
    for case, value in reversed(cases):
        points = pl.when(case).then(value).otherwise(points)
    return points


def level(points: pl.Expr) -> pl.Expr:
    """HIGH from 5 points, MEDIUM from 2."""
    return pl.when(points >= 5).then(pl.lit("HIGH")).when(points >= 2).then(pl.lit("MEDIUM")).otherwise(pl.lit("LOW"))


if __name__ == "__main__":
    folder, out = sys.argv[1:]
    scored(merged(folder)).sink_parquet(out)
