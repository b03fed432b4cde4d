"""Our Render app with tasks added that do nothing: what the server itself costs, with workers as heavy as ours."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from flows.render_tasks import app

if TYPE_CHECKING:
    from render import TaskContext


@app.task
def first_line(_ctx: TaskContext) -> float:
    """Tell when this line is reached, in seconds since 1970."""
    return time.time()


@app.task
async def fan_out(ctx: TaskContext, count: int) -> int:
    """Run so many tasks that do nothing."""
    return len(await asyncio.gather(*(ctx.run(first_line) for _ in range(count))))
