"""The name of a finding that outlives edits: moved lines, reformatting, comments and renamed folders do not change it.

It is made of the finding's id, the file's own name and the statement's tokens. A changed statement, another hazard and
a renamed file are another finding: nothing says that what was accepted then is accepted now.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

# What the tool calls every file, so that the folder above it is the migration's name. Source: Prisma, Diesel.
_NAMES_OF_NO_ONE = {"migration.sql", "up.sql", "down.sql"}
_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|--[^\n]*|/\*(?:.*?\*/|.*))
    | (?P<string>(?:[eE]'(?:[^'\\]|\\.|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'))
    | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$(?:.*?\$(?P=tag)\$|.*))
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>\d[\w.]*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r'"[a-z_][a-z0-9_]*"')


def normalised(sql: str) -> str:
    """The tokens of a statement, words in lower case, without comments, white space and needless quotes."""
    tokens = []
    for match in _TOKEN.finditer(sql):
        text = match.group()
        match match.lastgroup:
            case "skip":
                continue
            case "word":
                text = text.lower()
            case "quoted" if _PLAIN_NAME.fullmatch(text):
                text = text[1:-1]
        tokens.append(text)
    while tokens and tokens[-1] == ";":
        tokens.pop()
    return " ".join(tokens)


def unit(path: str) -> str:
    """A file's own name, without its folders; with the folder above it where its name says nothing."""
    parts = PurePath(path).parts
    if parts and parts[-1].lower() in _NAMES_OF_NO_ONE:
        return "/".join(parts[-2:])
    return parts[-1] if parts else ""


class Fingerprints:
    """Hands out fingerprints; of several equal statements of one file each gets its own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], int] = {}

    def of(self, id_: str, path: str, sql: str) -> str:
        """32 hexadecimal digits (128 bits of SHA-256)."""
        key = (id_, unit(path), normalised(sql))
        nth = self._seen[key] = self._seen.get(key, 0) + 1
        return hashlib.sha256("\0".join((*key, str(nth))).encode("utf-8", "replace")).hexdigest()[:32]
