"""Shows where a flow run of a command is in the UI, and stops the flow if the run is cancelled there."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

import httpx
import typer
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import Abort, PrefectException
from prefect.states import Cancelled
from prefect.utilities.urls import url_for

from shared.run.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State
    from prefect.flows import Flow

INTERVAL = 2.0  # seconds between two polls of the run's state
CANCELLED = {StateType.CANCELLING, StateType.CANCELLED}


class CancelWatch:
    """Polls the state of a flow run, and ends the flow in the main thread when the run is cancelled.

    Call the flow in the block, with ``begin`` as its hook ``on_running``.
    """

    def __init__(self, *, shown: bool) -> None:
        """The flow run is not known yet.

        Args:
            shown: Whether to print at the end where the UI shows it.
        """
        self._over, self._shown = threading.Event(), shown
        self._run: FlowRun | None = None

    def __reduce__(self) -> tuple[Callable[[], CancelWatch], tuple[()]]:
        """Pickle as an empty object: in a runner's processes, which get the flow's hooks, nothing is watched."""
        return partial(CancelWatch, shown=False), ()

    def __enter__(self) -> Self:
        """Start the block; Prefect does not change the state of a run when its flow is aborted."""
        self._before = signal.signal(signal.SIGUSR1, _abort)
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Report a run that was cancelled, and end it on the server, too.

        Raises:
            StoppedError: It was cancelled.
        """
        self._over.set()
        signal.signal(signal.SIGUSR1, self._before)
        if self._run and self._shown and (url := url_for(self._run)):
            typer.echo(f"flow run: {url}", err=True)
        if isinstance(error, Abort) and self._run:
            with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
                client.set_flow_run_state(self._run.id, Cancelled(message="its command has stopped"))
            raise StoppedError(
                "the flow run was cancelled on Prefect's server; committed shards stay; run again with the same "
                "--run-id to resume"
            ) from error

    def begin(self, flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
        """Watch a run; a second start of the same run is already watched."""
        del flow, state
        if self._run is None:
            self._run = flow_run
            threading.Thread(target=self._watch, args=(flow_run.id,), daemon=True).start()

    def _watch(self, flow_run_id: UUID) -> None:
        with get_client(sync_client=True) as client:
            while not self._over.wait(INTERVAL):
                with suppress(httpx.HTTPError, PrefectException):  # an unavailable server does not answer
                    state = client.read_flow_run(flow_run_id).state
                    if state and state.type in CANCELLED:
                        break
        if not self._over.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def _abort(*_: object) -> NoReturn:
    raise Abort("cancelled on Prefect's server")
