"""The jobs and how they run. Nothing here imports an engine."""
