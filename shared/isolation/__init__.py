"""Runs steps in separate processes."""
