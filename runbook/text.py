"""The one function through which text from outside reaches a terminal.

Query text, names, errors, logs and file contents may hold escape sequences (OSC 52 sets the clipboard), C1 controls,
NUL, DEL and bidirectional overrides. ``clean`` makes each of them visible instead of obeying it.
"""

from __future__ import annotations

import re

# C0 without tab and newline, DEL, C1, zero-width and bidirectional controls, line/paragraph separators, BOM, tags.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # surrogates that do not stand for an undecodable byte


def clean(text: str) -> str:
    """``text`` with every control, bidi and invisible character shown as ``␛``-style or ``<U+XXXX>`` marks.

    Newlines and tabs stay; ``\\r\\n`` becomes ``\\n``. Lone surrogates (broken encodings) are shown as marks too.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    if _SURROGATE.search(text):
        # First, because the bytes that surrogateescape hides may be a control character when they are put together.
        text = _NO_BYTE.sub(_mark, text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _UNSAFE.sub(_mark, text)


def clean_line(text: str) -> str:
    """``clean`` on one line: every run of white space, newlines too, becomes one blank."""
    return " ".join(clean(text).split())


def shorten(text: str, width: int) -> str:
    """``clean_line`` cut to ``width`` characters, the cut shown as ``…``."""
    line = clean_line(text)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def plural(n: int, noun: str) -> str:
    """``1 file``, ``3 files``."""
    ending = "" if n == 1 else "es" if noun.endswith(("s", "sh", "ch", "x")) else "s"
    return f"{n:,} {noun}{ending}"


def _mark(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"<U+{code:04X}>"
