"""What only rows decide of a statement, as lines of text and as Markdown: which query tells, or what it answered."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.migration.result import DataCheck, DataCost, StatementForecast
from runbook.text import clean
from runbook.words import count, size


def open_checks(statement: StatementForecast) -> tuple[DataCheck, ...]:
    """What is worth saying: all that was asked, and what may make it fail where nobody asked."""
    certain = statement.fails is not None and statement.fails.certain
    return tuple(c for c in statement.depends_on_data if c.answer is not None or (c.certain and not certain))


def lines(statement: StatementForecast) -> Iterator[str]:
    """The checks as text, each with its query or its answer."""
    for check in open_checks(statement):
        yield " ".join(_sentence(check).split())
        if check.sql is not None and _unanswered(check):
            yield from (f"    {line}" for line in clean(check.sql).splitlines())
            yield f"    ({_how(check)})"


def markdown(statement: StatementForecast) -> Iterator[str]:
    """The same as Markdown."""
    from runbook.transcript.markdown import block, escape

    for check in open_checks(statement):
        yield f"- {escape(_sentence(check))}"
        if check.sql is not None and _unanswered(check):
            yield "\n" + block(check.sql, "sql") + f"\n  ({escape(_how(check))})\n"


def _unanswered(check: DataCheck) -> bool:
    return check.answer is None or check.answer.verdict != "passes"


def _sentence(check: DataCheck) -> str:
    if check.answer is not None:
        word = {"fails": "rows say", "passes": "rows allow it", "unknown": "rows not known"}[check.answer.verdict]
        return clean(f"{word}: {check.answer.sqlstate or check.sqlstate}, {check.because}: {check.answer.because}")
    text = f"depends on data: {check.sqlstate}, {check.because}"
    return clean(f"{text} ({check.withheld})" if check.withheld else text)


def _how(check: DataCheck) -> str:
    """How to read what the query brings, and what it costs."""
    tells = "it ends with that error where a row offends" if check.by_error else "rows that it brings offend"
    if not check.certain:
        tells += " perhaps"
    return clean(f"{tells}; {_cost(check.cost)}" if check.cost is not None else tells)


def _cost(cost: DataCost) -> str:
    what = ", ".join(cost.relations) or "the table"
    amount = [f"{count(cost.rows)} rows"] if cost.rows is not None and cost.rows >= 0 else []
    amount += [size(cost.bytes)] if cost.bytes is not None else []
    read = f"reads {what}" + (f" ({', '.join(amount)})" if amount else "")
    return f"{read}; index {cost.index} helps" if cost.index else read
