"""A Render app with the same tasks as the merge that do nothing: what Render's server itself costs."""

from __future__ import annotations

import asyncio

from render import TaskContext, Workflows

app = Workflows()


@app.task
def stage(_ctx: TaskContext) -> None:
    """Do nothing."""


@app.task
def shard(_ctx: TaskContext, shard_id: int) -> int:
    """Do nothing."""
    return shard_id


@app.task
async def noop(ctx: TaskContext, num_shards: int) -> int:
    """Run a staging and so many shards like the merge does."""
    await ctx.run(stage)
    return len(await asyncio.gather(*(ctx.run(shard, shard_id) for shard_id in range(num_shards))))
