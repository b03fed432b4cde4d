"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

PipelineOption = Annotated[
    str | None,
    typer.Option("--pipeline", help="Pipeline, such as my_team.clicks:pipeline (default: the customer merge)"),
]
ParamOption = Annotated[
    list[str] | None, typer.Option("--param", help="Parameter of the pipeline, key=value; may be repeated")
]
DataOption = Annotated[str | None, typer.Option("--data", help="Data folder, a path or URL [SHARDWISE_DATA_URL]")]
RunIdOption = Annotated[str | None, typer.Option("--run-id", help="Id of the run; an existing id resumes that run")]
RejectsOption = Annotated[
    str | None,
    typer.Option("--max-rejects", help="Rows that may be rejected, such as 10 or 0.5% [SHARDWISE_MAX_REJECTS]"),
]
StoreOption = Annotated[
    str | None, typer.Option("--store", help="Store of the runs, a path or URL [SHARDWISE_STORE_URL]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only the result, as JSON")]
