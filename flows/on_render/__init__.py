"""The client side of Render Workflows: engine, trigger, the official server."""
