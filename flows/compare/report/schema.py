"""The schema of compare.json: ``compare.schema.json``, as JSON Schema, with what each field means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("compare.schema.json")


def first_problem(content: object) -> str:
    """Where a comparison is not of the schema, in words; empty when it is."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    schema: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    problem = best_match(Draft202012Validator(schema).iter_errors(content))
    if problem is None:
        return ""
    return f"{problem.json_path}: {problem.message}"[:300]
