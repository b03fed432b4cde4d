"""The streams of the REST interface: events of runs, and logs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from flows.render_dev.logs import Filter, Logs
from flows.render_dev.rest import answer, refusal, to_json
from flows.render_dev.views import details_view

if TYPE_CHECKING:
    from flows.render_dev.coordinator import Coordinator
    from flows.render_dev.models import TaskRun
    from flows.render_dev.run_store import RunStore

PING_SECONDS = 25.0
NO_TIME = "0001-01-01T00:00:00Z"


class Streams:
    """Answers requests for streams."""

    def __init__(self, store: RunStore, coordinator: Coordinator, logs: Logs) -> None:
        self._store, self._coordinator, self._logs = store, coordinator, logs

    def add_routes(self, app: web.Application) -> None:
        """Add the routes, each with and without a trailing slash."""
        for slash in ("", "/"):
            app.router.add_get(f"/v1/task-runs/events{slash}", self.events, allow_head=False)
            app.router.add_get(f"/v1/logs{slash}", self.read_logs, allow_head=False)
            app.router.add_get(f"/v1/logs/subscribe{slash}", self.follow_logs, allow_head=False)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send one event per requested run when its status is final; then keep the stream open."""
        wanted = {identity for value in request.query.getall("taskRunIds", []) for identity in value.split(",")}
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "Connection": "keep-alive"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        with self._coordinator.ended.listen() as queue:
            for run in [run for run in map(self._store.runs.get, wanted) if run and run.ended.is_set()]:
                await response.write(_event(run))
            while True:
                await response.write(await _next_event(queue, wanted))

    async def read_logs(self, request: web.Request) -> web.Response:
        """List all selected records, oldest first."""
        try:
            wanted = Filter.from_query(request.query)
        except ValueError as error:
            return refusal(400, str(error))
        records = [record.view() for record in self._logs.select(wanted)]
        return answer({"hasMore": False, "logs": records, "nextEndTime": NO_TIME, "nextStartTime": NO_TIME})

    async def follow_logs(self, request: web.Request) -> web.StreamResponse:
        """Send new records as WebSocket frames; with `startTime`, earlier records first."""
        try:
            wanted = Filter.from_query(request.query)
        except ValueError as error:
            return refusal(400, str(error))
        socket = web.WebSocketResponse()
        if not socket.can_prepare(request):
            return web.Response(status=426, text="this is a WebSocket\n", headers={"Upgrade": "websocket"})
        await socket.prepare(request)
        first = 0 if wanted.start else self._logs.end
        sender = asyncio.create_task(self._send_records(socket, wanted, first))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            sender.cancel()
        return socket

    async def _send_records(self, socket: web.WebSocketResponse, wanted: Filter, position: int) -> None:
        """Send the records from a number on; a slow reader misses records that the store has removed."""
        while True:
            records, position = self._logs.select(wanted, position), self._logs.end
            for record in records:
                await socket.send_str(to_json(record.view()))
            if position == self._logs.end:
                await self._logs.changed()


async def _next_event(queue: asyncio.Queue[TaskRun], wanted: set[str]) -> bytes:
    """Wait for the end of a wanted run; return a ping if that takes long."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            while (run := await queue.get()).id not in wanted:
                pass
    except TimeoutError:
        return b": ping\n\n"
    return _event(run)


def _event(run: TaskRun) -> bytes:
    return f"id: 0\nevent: task.completed\ndata: {to_json(details_view(run))}\n\n".encode()
