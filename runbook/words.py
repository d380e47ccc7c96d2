"""Numbers and names in words: durations, sizes, counts, lock modes."""

from __future__ import annotations

import re


def duration(seconds: float) -> str:
    """``0.4`` -> ``400 ms``, ``272`` -> ``4 min 32 s``, ``5400`` -> ``1 h 30 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + " s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours / 24:.0f} days"


def size(n: float) -> str:
    """Bytes in the units of ``pg_size_pretty``."""
    value = float(n)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(value) < 1024 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "bytes" or abs(value) >= 100 else f"{value:.3g} {unit}"
        value /= 1024
    raise AssertionError


def count(n: float) -> str:
    """Rows for people: ``30,000``, ``39 M``, ``1.2 billion``; unknown (-1, never analysed) says so."""
    if n < 0:
        return "an unknown number of"
    if n < 1_000_000:
        return f"{round(n):,}"
    if n < 1_000_000_000:
        return f"{n / 1_000_000:.3g} M"
    return f"{n / 1_000_000_000:.3g} billion"


def percent(probability: float) -> str:
    """``99 %``; certainty is never claimed by rounding."""
    return f"{min(max(round(probability * 100), 1 if probability > 0 else 0), 99)} %"


def lock_name(mode: str) -> str:
    """``AccessExclusiveLock`` -> ``ACCESS EXCLUSIVE``, as the documentation writes it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
