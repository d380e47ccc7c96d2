"""Scenarios: a module for each that needs some code (``SCENARIO``), a module a family for the rest (``SCENARIOS``)."""

FIRST = (
    "lock-queue",
    "syntax-too-new",
    "not-owner",
    "duplicate-emails",
    "index-blocks-writes",
    "healthy",
)
"""Shown first, in this order; the rest follows by name."""
