"""The engines as the bench measures them: servers that run already, the merge on each, and each one's own no-op."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import Measured, measure, used_until_idle
from tests.bench.render_costs import OUR_APP
from tests.prefect_server import ROOT, running_server
from tests.render_dev.serving import FORKED, ours

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES = ("prefect", "render")  # those with a server
NOOP_APP = (*FORKED, "tests.bench.noop_tasks:app")


@dataclass(frozen=True)
class EngineServer:
    """A server that runs already.

    Attributes:
        environment: What a process needs to know that uses it.
        pid: The server.
    """

    environment: dict[str, str]
    pid: int


@dataclass(frozen=True)
class Engines:
    """What runs already: for the merge, and for the no-op, each by the name of the engine.

    Render's servers run one app each; Prefect's serves both.
    """

    merging: dict[str, EngineServer]
    doing_nothing: dict[str, EngineServer]

    def merge(self, engine: str, size: str, shards: int) -> Measured:
        """The merge of so many customers, the work of the engine's server included."""
        server = self.merging[engine]
        return measure(commands.run(engine, size, shards), server.environment, servers=[server.pid])

    def noop(self, engine: str, shards: int) -> Measured:
        """Tasks of the same shape that do nothing, the work of the engine's server included."""
        server = self.doing_nothing[engine]
        return measure(commands.module(f"noop_{engine}", str(shards)), server.environment, servers=[server.pid])


def local(size: str, shards: int) -> Measured:
    """The merge without an engine."""
    return measure(commands.run("local", size, shards))


@contextmanager
def running_engines() -> Iterator[Engines]:
    """All servers, once they have nothing to do."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(running_server(home))
        prefect = EngineServer({"PREFECT_API_URL": server.api_url, "PREFECT_HOME": str(server.home)}, server.pid)
        app = stack.enter_context(ours(OUR_APP, ROOT, "--like-cloud"))
        nothing = stack.enter_context(ours(NOOP_APP, ROOT, "--like-cloud"))
        engines = Engines(
            {"prefect": prefect, "render": EngineServer({"RENDER_LOCAL_DEV_URL": app.url}, app.pid)},
            {"prefect": prefect, "render": EngineServer({"RENDER_LOCAL_DEV_URL": nothing.url}, nothing.pid)},
        )
        used_until_idle([prefect.pid, app.pid, nothing.pid])
        yield engines
