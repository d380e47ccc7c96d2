"""``runbook check``: what the forecast of a migration comes to for those who gate on it.

``findings`` makes one finding of each thing that speaks against a statement; ``ignores`` and ``baseline`` say which of
them somebody has answered for; ``report`` puts it together and decides the exit code; ``render`` writes it as text,
JSON, SARIF, GitHub workflow commands, GitLab code quality or Markdown. Nothing here talks to a server.
"""

from __future__ import annotations


class CheckError(Exception):
    """One sentence: what cannot be used, and what to do about it."""
