"""The words that stand before an error and its fields, in every language that PostgreSQL speaks."""

from __future__ import annotations

import re
from functools import cache

from runbook.failure.messages import translations

_MORE_SEVERITIES = {
    "ERROR": ("ERRO", "BŁĄD", "HATA", "CHYBA", "錯誤", "エラー", "ΣΦΑΛΜΑ"),
    "FATAL": ("KATASTROFALNY", "ÖLÜMCÜL", "FATÁLNÍ", "嚴重錯誤", "致命的エラー"),
    "PANIC": ("PÂNICO", "PANIKA", "KRİTİK", "パニック"),
    "WARNING": ("AVISO", "OSTRZEŻENIE", "UYARI", "VAROVÁNÍ", "警告"),
    "NOTICE": ("NOTA", "UWAGA", "NOT", "BİLGİ"),
    "LOG": ("DZIENNIK",),
}
"""Languages whose catalogs are not complete in 15 (pt_BR, pl, tr, cs, zh_TW). Source: src/backend/po, older majors."""

_MORE_FIELDS = {
    "DETAIL": ("DETALHE", "SZCZEGÓŁY", "AYRINTI", "詳細"),
    "HINT": ("DICA", "PODPOWIEDŹ", "İPUCU", "DOPORUČENÍ"),
    "CONTEXT": ("CONTEXTO", "KONTEKST", "BAĞLAM", "KONTEXT"),
    "STATEMENT": ("COMANDO", "WYRAŻENIE", "DEYİM", "PŘÍKAZ"),
    "LINE": ("LINHA", "LINIA", "SATIR", "ŘÁDKA", "LINJE"),
    "QUERY": ("CONSULTA", "ZAPYTANIE", "SORGU", "DOTAZ"),
}

GRAVE = ("ERROR", "FATAL", "PANIC")


@cache
def severities() -> dict[str, str]:
    """Word -> PostgreSQL's English severity."""
    found = {s: s for s in ("ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "LOG", "INFO", "DEBUG")}
    for severity, words in _MORE_SEVERITIES.items():
        found.update(dict.fromkeys(words, severity))
    for language in translations().values():
        for severity, word in language["severities"].items():
            found.setdefault(word, severity)
    return found


@cache
def fields() -> dict[str, str]:
    """Word -> DETAIL, HINT, CONTEXT, STATEMENT, QUERY or LINE."""
    found = {f: f for f in ("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LINE", "LOCATION")}
    for field, words in _MORE_FIELDS.items():
        found.update(dict.fromkeys(words, field))
    for language in translations().values():
        for field, words in language["fields"].items():
            for word in words:
                found.setdefault(word, field)
    return found


def language_of(word: str) -> str | None:
    """The one language in which PostgreSQL says ``word`` for a severity; None when it is English or several do."""
    if word in ("ERROR", "FATAL", "PANIC", "LOG"):
        return None
    found = [name for name, language in translations().items() if word in language["severities"].values()]
    return found[0] if len(found) == 1 else None


def alternatives(words: list[str]) -> str:
    """A pattern's alternatives, longest first."""
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
