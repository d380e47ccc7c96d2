"""Any input as clean lines: decoded, unwrapped from JSON, freed of colours and of what containers and CI put in front.

Streams: one line at a time, none longer than ``LONGEST``, so that a log of any size costs little memory.
"""

# ruff: noqa: E501 - tables of patterns, one a line
from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

LONGEST = 32_768
"""Characters of one line that are read; the rest of it is dropped (a bulk INSERT echoed on one line)."""

Source = str | bytes | Path | IO[str] | IO[bytes]

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-B]|[@-Z\\^_])")

_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\ufeff",
        r"##\[(?:error|warning|group|debug|command|section)\]",  # GitHub Actions, Azure Pipelines
        r"::(?:error|warning)[^:]*::",  # GitHub workflow command
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d) (?:std(?:out|err) [FP] |\d\d[OE][ +])?",  # CRI, GitLab, GitHub
        r"\[pod/[^\]\s]+\] ",  # kubectl logs --prefix
        r"[A-Za-z0-9][\w.-]{0,60}[-_]\d+\s*\|(?: |$)",  # docker compose
        r"[a-z][\w.-]{0,60} +\|(?: |$)",  # docker compose, container_name
        r"[\w-]+\[[\w.-]+\]: (?=.)",  # heroku, fly: app[release.1234]:
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?!\[)",  # Go's log package
        r"\[\d\d:\d\d:\d\d(?:\.\d+)?\] ",
        r"section_(?:start|end):\d+:\S*\s*",  # GitLab
        r"#\d+ \d+\.\d+ ",  # docker build
    )
)

_DIGIT_PREFIXES = tuple(p for p in _PREFIXES if p.pattern.startswith((r"\d", "[A-Za-z0-9]")))

_SURROGATE = re.compile("[\ud800-\udfff]")
_LOGFMT = re.compile(r'(?:^|\s)(?:msg|message|error|err)="((?:[^"\\]|\\.)*)"')
_LOGFMT_LINE = re.compile(r"(?:time|level|ts|t)=\S+ ")
_TEXT_KEYS = ("log", "msg", "message", "textPayload", "line", "text", "error", "err", "exception", "stack")


def read_lines(source: Source) -> Iterator[str]:
    """The lines of ``source``, clean as described above. Never raises on content; ``OSError`` on an unreadable path."""
    for line in _raw_lines(source):
        yield from _unwrapped(line)


def _raw_lines(source: Source) -> Iterator[str]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield from _from_stream(stream)
        return
    if isinstance(source, str):
        yield from _from_stream(io.StringIO(source, newline=""))
    elif isinstance(source, bytes | bytearray):
        yield from _from_stream(io.BytesIO(source))
    else:
        yield from _from_stream(source)


def _from_stream(stream: IO[Any]) -> Iterator[str]:
    first, rest_of_line, encoding = True, False, ""
    while piece := stream.readline(LONGEST):
        if isinstance(piece, bytes) and first and piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
            # PowerShell's ">" writes UTF-16: a line feed is then two bytes, so the stream is read anew as text.
            encoding = "utf-16-le" if piece[:2] == b"\xff\xfe" else "utf-16-be"
            yield from _wide(piece[2:], stream, encoding)
            return
        first = False
        complete = piece.endswith(b"\n" if isinstance(piece, bytes) else "\n")
        if not rest_of_line:
            text = _decoded(piece) if isinstance(piece, bytes) else str(piece)
            text = text.rstrip("\r\n")
            yield from re.split(r"\r+", text) if "\r" in text else (text,)
        rest_of_line = not complete


def _wide(begun: bytes, stream: IO[Any], encoding: str) -> Iterator[str]:
    import codecs

    decoder = codecs.getincrementaldecoder(encoding)("replace")
    text = decoder.decode(begun)
    while piece := stream.read(LONGEST):
        *lines, text = re.split(r"\r?\n", text + decoder.decode(piece))
        text = text[:LONGEST]
        yield from lines
    yield from re.split(r"\r?\n", text)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _unwrapped(line: str, depth: int = 0) -> Iterator[str]:
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    if not line.isascii() and _SURROGATE.search(line):
        line = line.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    line = _without_prefix(line).replace("\0", "")
    if depth < 3 and line.lstrip().startswith("{") and line.rstrip().endswith("}"):
        inner = _from_json(line)
        if inner is not None:
            for part in inner:
                yield from _unwrapped(part, depth + 1)
            return
    if depth < 3 and _LOGFMT_LINE.match(line):
        found = [m.group(1) for m in _LOGFMT.finditer(line)]
        if found:
            for text in found:
                for part in text.replace("\\n", "\n").replace('\\"', '"').replace("\\t", "\t").split("\n"):
                    yield from _unwrapped(part, depth + 1)
            return
    yield line


def _without_prefix(line: str) -> str:
    for _ in range(4):
        if not line or (line[0].isalpha() and "|" not in line[:70] and "]: " not in line[:80]) or line[0] in " \t{":
            return line
        for pattern in _DIGIT_PREFIXES if line[0].isdigit() else _PREFIXES:
            match = pattern.match(line)
            if match is not None:
                line = line[match.end() :]
                break
        else:
            return line
    return line


def _from_json(line: str) -> list[str] | None:
    """The text inside a line of a structured log; None when it is no such line (or one of PostgreSQL's own jsonlog)."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "error_severity" in data:
        return None
    parts: list[str] = []
    for key in _TEXT_KEYS:
        value = data.get(key)
        if isinstance(value, dict):
            parts.extend(_error_object(value))
        elif isinstance(value, str) and value.strip() and value not in parts:
            parts.append(value)
    if parts and isinstance(data.get("code"), str):
        parts.append(f"code: '{data['code']}'")
    return [text for part in parts for text in re.split(r"\r?\n", part)] or None


def _error_object(value: dict[str, Any]) -> list[str]:
    """An error as bunyan, pino and winston write it, in the shape in which node prints it."""
    name = value.get("name") or value.get("type") or "error"
    lines = [f"{name}: {value['message']}"] if isinstance(value.get("message"), str) else []
    for key in ("severity", "code", "detail", "hint", "where", "schema", "table", "column", "constraint", "position"):
        if isinstance(value.get(key), str | int):
            lines.append(f"  {key}: '{value[key]}',")
    return lines
