"""What only a person can answer, and which question is worth asking now.

A question is asked only while an answer to it can change the ranking. Its value is how far the probabilities of the
suspects would move, averaged over its answers, less what it costs a person to find out. One question ahead is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runbook.diagnosis.condition import Condition
from runbook.diagnosis.engine import Diagnosis, diagnose
from runbook.diagnosis.facts import Fact, FactBook, in_vocabulary
from runbook.playbook import Playbook


@dataclass(frozen=True, slots=True)
class Answer:
    id: str
    text: str
    key: str  # the key that gives it on the screen


@dataclass(frozen=True, slots=True)
class Question:
    """``cost`` 0..1: what it takes a person to find out (a glance 0.02, a call 0.2). ``when``: it makes sense to ask."""

    id: str
    text: str
    answers: tuple[Answer, ...]
    cost: float
    when: Condition


@dataclass(frozen=True, slots=True)
class Asked:
    """The question worth asking next, what it is asked for, and its value."""

    question: Question
    why: str
    value: float


def _question(id_: str, text: str, cost: float, when: str, *answers: tuple[str, str, str]) -> Question:
    return Question(id_, text, tuple(Answer(*a) for a in answers), cost, Condition(when))


_UNKNOWN = ("unknown", "don't know", "u")

QUESTIONS: tuple[Question, ...] = (
    _question(
        "seen",
        "What do you see of the migration?",
        0.02,
        "not error.given",
        ("failed", "it failed", "f"),
        ("hanging", "it hangs", "h"),
        ("running", "it runs", "r"),
        ("broken", "it went through, and the service suffers", "b"),
        ("planned", "about to run it", "p"),
    ),
    _question(
        "client_alive",
        "Is the job that runs the migration still alive?",
        0.05,
        "locks.migration_found",
        ("yes", "yes, it still runs", "y"),
        ("no", "no, it was reported failed or killed", "n"),
        _UNKNOWN,
    ),
    _question(
        "error_from",
        "Who got this error?",
        0.03,
        "error.given and not error.is_connection",
        ("migration", "the migration", "m"),
        ("application", "the application", "a"),
        _UNKNOWN,
    ),
    _question(
        "waited_for_lock",
        "Was it seen waiting for a lock before it was cancelled?",
        0.1,
        "error.timeout == 'statement'",
        ("yes", "yes", "y"),
        ("no", "no, it was working", "n"),
        _UNKNOWN,
    ),
    _question(
        "elapsed_matches_timeout",
        "Did it fail after just about the time that statement_timeout allows?",
        0.05,
        "error.timeout == 'statement'",
        ("yes", "yes", "y"),
        ("no", "no", "n"),
        _UNKNOWN,
    ),
    _question(
        "ended_by",
        "Who ended the job or its query, as its own output and the people on call tell?",
        0.1,
        "gave_up.who in ['none', 'killed', 'vanished'] and (error.timeout == 'user_request' or error.connection_lost"
        " or gave_up.who != 'none' or answer.seen == 'failed' and not error.given)",
        ("deadline", "the time limit of the job, the pod or the CI step", "l"),
        ("client", "a timeout of the driver, the ORM or the pooler", "c"),
        ("person", "a person, or a watchdog of the database", "p"),
        ("nobody", "nobody: the connection broke", "b"),
        _UNKNOWN,
    ),
    _question(
        "crash_signal",
        "What does the server's log say of a process that ended then?",
        0.1,
        "error.sqlstate == '57P02' or error.connection_lost",
        ("killed", "was terminated by signal 9: Killed", "9"),
        ("other", "another signal (11, 6), or PANIC", "s"),
        ("none", "no process was terminated by a signal", "n"),
        _UNKNOWN,
    ),
    _question(
        "object_made_by",
        "Where does the object that exists already come from?",
        0.1,
        "error.sqlstate in ['42P07', '42701', '42710', '42723', '42P06']",
        ("earlier_run", "an earlier run of this migration", "e"),
        ("by_hand", "made by hand or by a hotfix", "h"),
        _UNKNOWN,
    ),
    _question(
        "wrapped_in_transaction",
        "Does the tool run the file inside a transaction?",
        0.05,
        "error.sqlstate == '25001'",
        ("yes", "yes", "y"),
        ("no", "no", "n"),
        _UNKNOWN,
    ),
    _question(
        "old_version_running",
        "Does an older version of the application still run?",
        0.05,
        "error.sqlstate in ['42703', '42P01'] or answer.seen == 'broken'",
        ("yes", "yes", "y"),
        ("no", "no", "n"),
        _UNKNOWN,
    ),
    _question(
        "subscriber_has_change",
        "Do the subscribers of logical replication have this change already?",
        0.1,
        "not error.given and replication.changes | length > 0 and replication.subscribers | length > 0",
        ("yes", "yes, it was made there first", "y"),
        ("no", "no", "n"),
        _UNKNOWN,
    ),
    _question(
        "other_run",
        "Is another run of the migrations at work (a second job, a pod, a colleague)?",
        0.1,
        "error.tool_condition == 'lock_not_acquired' or tool_lock.kind == 'row'",
        ("yes", "yes", "y"),
        ("no", "no, none", "n"),
        _UNKNOWN,
    ),
    _question(
        "volume_full",
        "Is a volume of production's server full, or about to be?",
        0.1,
        "disk.error_place in ['data', 'wal', 'temporary', 'other']"
        " or (error.connection_lost or error.sqlstate == '57P02') and not production.reachable"
        " or not error.given and (disk.slots_over | length > 0 or disk.archive_failing or disk.readers_behind | length > 0)",
        ("wal", "yes, one that holds pg_wal alone", "w"),
        ("data", "yes, one that holds data without pg_wal", "d"),
        ("both", "yes, one that holds data and pg_wal", "b"),
        ("no", "no, there is room", "n"),
        _UNKNOWN,
    ),
    _question(
        "same_database",
        "Does the application use the very server and database that the migration connects to?",
        0.05,
        "target.strange",
        ("yes", "yes, the same", "y"),
        ("no", "no, another", "n"),
        _UNKNOWN,
    ),
    _question(
        "pool_mode",
        "How does the pooler at production's address lend its connections (pool_mode)?",
        0.1,
        "pooling.between and pooling.mode is unknown",
        ("transaction", "for a transaction, or a statement", "t"),
        ("session", "for a whole session", "w"),
        _UNKNOWN,
    ),
    _question(
        "blocker_may_end",
        "May the session that blocks it be ended?",
        0.2,
        "locks.migration_waits",
        ("yes", "yes", "y"),
        ("no", "no", "n"),
        _UNKNOWN,
    ),
)
BY_ID: Mapping[str, Question] = {q.id: q for q in QUESTIONS}


def answer_fact(question: str, answer: str, by: str = "engineer") -> Fact:
    """An answer as a fact. Raises ``KeyError`` for a question, ``ValueError`` for an answer that does not exist."""
    asked = BY_ID[question]
    allowed = [a.id for a in asked.answers]
    if answer not in allowed:
        raise ValueError(f"{question} is answered by one of: {', '.join(allowed)}; not {answer!r}")
    if answer == "unknown":
        return Fact(in_vocabulary(f"answer.{question}"), None, f"{by} does not know", "answers", known=False)
    return Fact(in_vocabulary(f"answer.{question}"), answer, f"answered by {by}", "answers")


def next_question(book: FactBook, playbooks: Sequence[Playbook], diagnosis: Diagnosis) -> Asked | None:
    """The question with the best value, or None when no answer would change anything."""
    best: Asked | None = None
    relevant = {q for p in playbooks for q in p.questions}
    for question in QUESTIONS:
        fact = f"answer.{question.id}"
        if question.id not in relevant or fact in book.facts or not question.when.evaluate(book).value:
            continue
        value, separated = _value(question, book, playbooks, diagnosis)
        if separated and value > question.cost and (best is None or value - question.cost > best.value):
            best = Asked(question, _why(separated), value - question.cost)
    return best


def _value(
    question: Question, book: FactBook, playbooks: Sequence[Playbook], before: Diagnosis
) -> tuple[float, list[str]]:
    """Mean movement of the suspects' probabilities over the answers, and the titles of those that would move."""
    concerned = [p for p in playbooks if question.id in p.questions or _asks(p, f"answer.{question.id}")]
    now = {c.id: (c.probability, c.verdict) for c in before.causes}
    moved: dict[str, float] = {}
    titles = {p.id: p.title for p in concerned}
    possible = [a for a in question.answers if a.id != "unknown"]
    for answer in possible:
        after = diagnose(book.with_facts([answer_fact(question.id, answer.id)]), concerned)
        for cause in after.causes:
            probability, verdict = now[cause.id]
            if cause.is_suspect or verdict in ("proved", "likely", "possible"):
                shift = abs(cause.probability - probability) + (0.1 if cause.verdict != verdict else 0.0)
                moved[cause.id] = moved.get(cause.id, 0.0) + shift / len(possible)
    separated = [titles[i] for i, shift in sorted(moved.items(), key=lambda m: -m[1]) if shift > 0.02]
    return sum(moved.values()), separated


def _asks(playbook: Playbook, fact: str) -> bool:
    return any(fact in item.when.facts for item in (*playbook.required, *playbook.evidence))


def _why(titles: list[str]) -> str:
    if len(titles) == 1:
        return f"decides about: {titles[0]}"
    return f"separates {len(titles)}: {titles[0]}; {titles[1]}" + ("; …" if len(titles) > 2 else "")
