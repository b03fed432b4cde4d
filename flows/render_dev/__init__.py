"""A local Render task server that replaces `render workflows dev` and is installed with pip.

`shardwise render-dev [-- COMMAND ...]` starts it; `python -m flows.render_dev` does the same; `child.local_server`
starts it for the length of a `with` block. Read in this order: options, models, store, coordinator, processes, rest.
"""
