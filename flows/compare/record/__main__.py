"""Prints the JSON schema of compare.json: ``python -m flows.compare.record``."""

from __future__ import annotations

import json

from flows.compare.record.comparison import Comparison

if __name__ == "__main__":
    print(json.dumps(Comparison.model_json_schema(mode="serialization"), indent=1))  # noqa: T201 — its purpose
