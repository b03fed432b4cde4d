"""Thin adapters, one per engine, and the tools that drive them; business rules live in ``shared``."""
