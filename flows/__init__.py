"""One thin adapter per engine, and the tools that use them. Business rules are in ``shared``."""
