"""runbook: the first ten minutes of a failed PostgreSQL migration, in ten seconds."""

__version__ = "0.1.0"
