"""Our themes: a dark one, a light one, one of high contrast; and our colours' defaults for Textual's own themes."""

from __future__ import annotations

from textual.theme import Theme

DEFAULT = "runbook-dark"

VARIABLES: dict[str, str] = {
    "production": "#c2405c",
    "production-fg": "#ffffff",
    "local": "#7656c9",
    "local-fg": "#ffffff",
    "bar": "#24283b",
    "muted": "#8a91b4",
    "faint": "#565f89",
    "line": "#3b4261",
    "cursor-bg": "#2e3454",
    "info": "#7dcfff",
}
"""Variables of ours with the value that themes get which do not define them."""

THEMES: tuple[Theme, ...] = (
    Theme(
        name="runbook-dark",
        primary="#7aa2f7",
        secondary="#bb9af7",
        accent="#ff9e64",
        foreground="#c0caf5",
        background="#1a1b26",
        surface="#1a1b26",
        panel="#24283b",
        success="#9ece6a",
        warning="#e0af68",
        error="#f7768e",
        variables={**VARIABLES, "block-cursor-text-style": "none", "input-selection-background": "#33467c"},
    ),
    Theme(
        name="runbook-light",
        primary="#2e5fc4",
        secondary="#7847bd",
        accent="#b15c00",
        foreground="#343b58",
        background="#f5f6fa",
        surface="#f5f6fa",
        panel="#e3e6f0",
        success="#387014",
        warning="#8a5a00",
        error="#b3223f",
        dark=False,
        variables={
            **VARIABLES,
            "production": "#b3223f",
            "local": "#6a3fc0",
            "bar": "#dfe3ef",
            "muted": "#5b6284",
            "faint": "#868cab",
            "line": "#b9bfd6",
            "cursor-bg": "#d5dcf2",
            "info": "#0b6e99",
        },
    ),
    Theme(
        name="runbook-contrast",
        primary="#5cb8ff",
        secondary="#d7aaff",
        accent="#ffd700",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        success="#5fff5f",
        warning="#ffd700",
        error="#ff6b6b",
        variables={
            **VARIABLES,
            "production": "#d70000",
            "local": "#5f00d7",
            "bar": "#262626",
            "muted": "#d0d0d0",
            "faint": "#a8a8a8",
            "line": "#8a8a8a",
            "cursor-bg": "#00418a",
            "info": "#5fd7ff",
        },
    ),
)
