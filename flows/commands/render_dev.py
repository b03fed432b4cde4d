"""``shardwise render-dev``: runs the local Render task server."""

from __future__ import annotations

from typing import Annotated

import typer

from shared.run.errors import TerminalError


def render_dev(  # noqa: PLR0913 — the same
    *,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command that starts a worker (default: this project's app)"),
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1; 0 picks a free one")] = 8120,
    like_cloud: Annotated[
        bool, typer.Option("--like-cloud", help="Apply the platform's documented limits and default retries")
    ] = False,
    max_concurrency: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of parallel tasks (default: no limit; with --like-cloud, the number of cores)"
        ),
    ] = None,
    env_file: Annotated[
        list[str] | None,
        typer.Option(help="File with environment variables for workers; later files override earlier ones"),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the output of workers")] = False,
) -> None:
    """Serve Render Workflows tasks on this machine until Ctrl-C, like `render workflows dev`."""
    from flows.render_dev.main import serve
    from flows.render_dev.server_options import ServerOptions

    files = tuple(env_file or ())
    try:
        options = ServerOptions(
            tuple(command or ()),
            port,
            like_cloud,
            max_concurrency,
            files,
            debug,
            on_crash="flows.on_render.crash_hook:record",
        )
    except ValueError as error:
        raise TerminalError(str(error)) from error
    raise typer.Exit(serve(options))
