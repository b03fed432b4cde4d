"""The merge in pandas as a user would write it, without checks, shards, keys or digests: four CSVs, one Parquet."""

import sys

import numpy as np
import pandas as pd

SOURCES = ("crm", "billing", "product", "support")


def merged(data: str) -> pd.DataFrame:
    """One row per customer of any source."""
    frames = [pd.read_csv(f"{data}/{name}.csv").rename(columns={"email": f"email_{name}"}) for name in SOURCES]
    profiles = frames[0]
    for frame in frames[1:]:
        profiles = profiles.merge(frame, on="customer_id", how="outer")
    emails = profiles[[f"email_{name}" for name in SOURCES]]
    return profiles.drop(columns=emails.columns).assign(email=emails.bfill(axis="columns").iloc[:, 0])


def scored(profiles: pd.DataFrame) -> pd.DataFrame:
    """The profiles with their three scores."""
    usage, nps, tickets = profiles["usage_pct"], profiles["nps_score"], profiles["open_tickets"]
    payment = profiles["payment_status"].str.strip().str.lower().str.replace(" ", "_")
    plan = profiles["plan"].str.strip().str.lower()
    stage = profiles["deal_stage"].str.strip().str.lower()
    unpaid = payment.isin(["past_due", "failed"])
    health = (
        50
        + np.select([usage >= 80, usage >= 60, usage < 30], [20, 10, -10], 0)
        + np.select([payment == "active", unpaid], [15, -15], 0)
        + np.select([nps >= 9, nps >= 7, nps <= 5], [10, 5, -10], 0)
        + np.select([tickets == 0, tickets > 3], [5, -5], 0)
    )
    churn = np.select([usage < 30, usage < 50], [3, 1], 0) + 3 * unpaid + 2 * (nps <= 6) + 1 * (tickets > 3)
    expansion = (
        np.select([usage >= 80, usage >= 60], [3, 1], 0)
        + np.select([plan.isin(["starter", "free", "basic"]), plan.isin(["business", "professional"])], [2, 1], 0)
        + 2 * (nps >= 9)
        + 1 * (stage == "enterprise")
    )
    return profiles.assign(
        health_score=np.clip(health, 0, 100),
        churn_risk=np.select([churn >= 5, churn >= 2], ["HIGH", "MEDIUM"], "LOW"),
        expansion_potential=np.select([expansion >= 5, expansion >= 2], ["HIGH", "MEDIUM"], "LOW"),
    )


if __name__ == "__main__":
    folder, out = sys.argv[1:]
    scored(merged(folder)).to_parquet(out)
