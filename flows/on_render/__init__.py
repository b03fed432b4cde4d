"""Render Workflows, client side: engine, trigger, the official server."""
