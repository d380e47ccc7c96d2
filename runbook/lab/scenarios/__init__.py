"""One module per scenario, each with one ``SCENARIO``."""

FIRST = (
    "lock-queue",
    "syntax-too-new",
    "not-owner",
    "duplicate-emails",
    "index-blocks-writes",
    "healthy",
)
"""Shown first, in this order; the rest follows by name."""
