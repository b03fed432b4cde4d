"""The base class of all values of compare.json."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.run.printable import printable

Text = Annotated[str, AfterValidator(printable)]  # of a pipeline, an engine or an error: no terminal's codes in reports


class Value(BaseModel):
    """A part of compare.json. It is immutable, and unknown fields are accepted."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True, allow_inf_nan=False
    )
