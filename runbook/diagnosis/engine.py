"""Facts x playbooks -> every cause judged, ranked, with what speaks for and against it. Pure.

Causes are judged one by one, so that two faults at once both show. Strengths are log-odds on top of how common a cause
is; required evidence stands apart from weight: a cause is ``proved`` only when all of it is true, is ruled out when one
piece is false, and stays at most ``possible`` while a piece is unknown. How common a cause is never concludes anything:
without evidence for it, it is not a suspect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runbook.diagnosis.condition import ConditionError
from runbook.diagnosis.condition import Verdict as Truth
from runbook.diagnosis.facts import FactBook, Unknown
from runbook.playbook import Commonness, Evidence, Kind, Playbook, PlaybookError, Strength

CauseVerdict = Literal["proved", "likely", "possible", "unlikely", "ruled_out"]
Conclusion = Literal["causes", "nothing_wrong", "not_in_catalogue", "not_enough_seen"]

PRIOR: Mapping[Commonness, float] = {"common": -2.5, "occasional": -3.2, "rare": -4.0}
"""Log-odds before any evidence: some 8 %, 4 % and 2 %. Judged, not measured; the lab's calibration table judges them."""

WEIGHT: Mapping[Strength, float] = {
    "proves": 8.0,
    "strong": 3.5,
    "suggests": 1.6,
    "against": -2.5,
    "refutes": -12.0,
}
"""Log-odds of one piece of evidence that is true."""

OTHER_SQLSTATE = -4.5
"""A cause that shows as certain SQLSTATEs, while the error has another one: it may be a second fault, not this one."""

UNKNOWN_REQUIRED_CAP = 0.4
"""Log-odds a cause cannot pass while required evidence is unknown: 60 %."""

LIKELY, POSSIBLE = 0.7, 0.2


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence and how strongly it speaks. ``required`` marks evidence that had to be so."""

    because: str
    strength: Strength
    required: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """Evidence that could not be judged: what it would have asked, and which facts nobody could read."""

    because: str
    missing: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of the catalogue, judged."""

    id: str
    title: str
    kind: Kind
    verdict: CauseVerdict
    probability: float
    log_odds: float
    supporting: tuple[Reason, ...] = ()
    opposing: tuple[Reason, ...] = ()
    unseen: tuple[Unseen, ...] = ()

    @property
    def is_suspect(self) -> bool:
        return self.verdict in ("proved", "likely", "possible")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All causes, most probable first. ``conclusion`` says what it comes to, also when no cause stands out."""

    causes: tuple[Cause, ...]
    conclusion: Conclusion
    summary: str
    facts_unknown: tuple[str, ...] = field(default=())

    @property
    def suspects(self) -> tuple[Cause, ...]:
        return tuple(c for c in self.causes if c.is_suspect)

    @property
    def ruled_out(self) -> tuple[Cause, ...]:
        return tuple(c for c in self.causes if c.verdict == "ruled_out")

    @property
    def something_is_wrong(self) -> bool:
        return self.conclusion == "not_in_catalogue" or any(c.verdict in ("proved", "likely") for c in self.causes)


def diagnose(book: FactBook, playbooks: Iterable[Playbook]) -> Diagnosis:
    """Judge every playbook's cause against ``book``."""
    by_id = {p.id: p for p in playbooks}
    causes = [judge(playbook, book) for playbook in by_id.values()]
    causes.sort(key=lambda c: (_RANK[c.verdict], -c.log_odds, c.id))
    ordered = _put_before(causes, by_id)
    suspects = [c for c in ordered if c.is_suspect]
    conclusion = _conclusion(book, suspects)
    return Diagnosis(tuple(ordered), conclusion, _summary(conclusion, suspects, book))


def judge(playbook: Playbook, book: FactBook) -> Cause:
    """One cause: which evidence is true, false or unknown, and what that comes to."""
    supporting: list[Reason] = []
    opposing: list[Reason] = []
    unseen: list[Unseen] = []
    log_odds = PRIOR[playbook.commonness]
    required = [(item, _evaluate(item, book)) for item in playbook.required]
    failed = [item for item, truth in required if truth.value is False]
    for item, truth in required:
        if truth.value:
            supporting.append(Reason(_because(playbook, item, book), item.strength, required=True))
            log_odds += WEIGHT[item.strength]
        elif truth.value is None:
            unseen.append(_unseen(playbook, item, truth, book, required=True))
    for item in failed:
        opposing.append(Reason(_not_so(playbook, item, book), "refutes", required=True))
    all_required = bool(playbook.required) and all(truth.value for _, truth in required)
    proved = False
    for item in playbook.evidence:
        truth = _evaluate(item, book)
        if truth.value is None:
            unseen.append(_unseen(playbook, item, truth, book, required=False))
            continue
        if not truth.value:
            continue
        reason = Reason(_because(playbook, item, book), item.strength)
        if item.strength in ("against", "refutes"):
            opposing.append(reason)
            log_odds += WEIGHT[item.strength]
        else:
            supporting.append(reason)
            proved = proved or (item.strength == "proves" and all_required)
            log_odds += WEIGHT["strong" if item.strength == "proves" and not all_required else item.strength]
    other = _other_sqlstate(playbook, book)
    if other:
        opposing.append(Reason(other, "against"))
        log_odds += OTHER_SQLSTATE
        proved = False
    refuted = bool(failed) or any(r.strength == "refutes" for r in opposing)
    unknown_required = any(truth.value is None for _, truth in required)
    if unknown_required:
        log_odds = min(log_odds, UNKNOWN_REQUIRED_CAP)
    if refuted:
        log_odds = min(log_odds, WEIGHT["refutes"] / 2)
    probability = 1 / (1 + math.exp(-log_odds))
    # Where a requirement is unknown, another one that merely is not contradicted speaks for nothing.
    supported = any(not (r.required and r.strength == "suggests" and unknown_required) for r in supporting)
    verdict = _verdict(probability, supported, refuted, proved and not unknown_required)
    return Cause(
        playbook.id,
        playbook.title,
        playbook.kind,
        verdict,
        round(probability, 4),
        round(log_odds, 3),
        tuple(_strongest_first(supporting)),
        tuple(_strongest_first(opposing)),
        tuple(unseen),
    )


def _evaluate(item: Evidence, book: FactBook) -> Truth:
    """One piece of evidence; one that cannot be evaluated is unknown and says why: a slip in a team's own playbook
    must not take the diagnosis away."""
    try:
        return item.when.evaluate(book)
    except ConditionError as error:
        return Truth(None, (Unknown(item.when.text, str(error)),))


def _because(playbook: Playbook, item: Evidence, book: FactBook) -> str:
    """The evidence's sentence; its condition where the sentence cannot be rendered."""
    try:
        return playbook.because(item, book)
    except PlaybookError:
        return item.when.text


_RANK: Mapping[CauseVerdict, int] = {"proved": 0, "likely": 1, "possible": 2, "unlikely": 3, "ruled_out": 4}
_ORDER: Sequence[Strength] = ("proves", "refutes", "strong", "against", "suggests")


def _verdict(probability: float, supported: bool, refuted: bool, proved: bool) -> CauseVerdict:
    if refuted:
        return "ruled_out"
    if not supported:
        return "unlikely"
    if proved and probability >= 0.9:
        return "proved"
    if probability >= LIKELY:
        return "likely"
    return "possible" if probability >= POSSIBLE else "unlikely"


def _strongest_first(reasons: list[Reason]) -> list[Reason]:
    return sorted(reasons, key=lambda r: _ORDER.index(r.strength))


def _unseen(playbook: Playbook, item: Evidence, truth: Truth, book: FactBook, *, required: bool) -> Unseen:
    missing = tuple(dict.fromkeys(f"{u.id}: {u.reason}" for u in truth.missing))
    return Unseen(_sentence(playbook, item, book), missing, required)


def _sentence(playbook: Playbook, item: Evidence, book: FactBook) -> str:
    """The sentence of evidence that does not hold: its facts may be unknown, so the condition stands in for it then."""
    known = not any(isinstance(book.value(f), Unknown) for f in item.when.facts)
    return _because(playbook, item, book) if known else item.when.text


def _not_so(playbook: Playbook, item: Evidence, book: FactBook) -> str:
    if item.otherwise:
        return _because(playbook, Evidence(item.when, item.otherwise, item.strength, item.line), book)
    return f"not so: {item.when.text}"


def _other_sqlstate(playbook: Playbook, book: FactBook) -> str | None:
    """Why the error at hand is not this cause's, or None. A cause without SQLSTATEs can come with any."""
    sqlstate = book.get("error.sqlstate", "")
    if not sqlstate or not playbook.sqlstates or sqlstate in playbook.sqlstates:
        return None
    return f"the error is {sqlstate}; this cause shows as {', '.join(playbook.sqlstates)}"


def _put_before(causes: list[Cause], playbooks: Mapping[str, Playbook]) -> list[Cause]:
    """A cause that has to be dealt with first stands before those it names, when both are proved or likely."""
    ordered = list(causes)
    for cause in causes:
        if cause.verdict not in ("proved", "likely"):
            continue
        later = set(playbooks[cause.id].before)
        positions = [i for i, c in enumerate(ordered) if c.id in later and c.verdict in ("proved", "likely")]
        at = ordered.index(cause)
        if positions and positions[0] < at:
            ordered.insert(positions[0], ordered.pop(at))
    return ordered


def _conclusion(book: FactBook, suspects: list[Cause]) -> Conclusion:
    if suspects and suspects[0].verdict in ("proved", "likely"):
        return "causes"
    trouble = (
        book.get("error.given", False)
        or book.get("locks.migration_waits", False)
        or book.get("answer.seen") in ("failed", "broken", "hanging")
    )
    if suspects:
        return "causes"
    looked = any(book.get(f"{side}.reachable", False) for side in ("production", "local"))
    if trouble and (looked or book.get("error.given", False)):
        return "not_in_catalogue"
    return "nothing_wrong" if looked else "not_enough_seen"


def _summary(conclusion: Conclusion, suspects: list[Cause], book: FactBook) -> str:
    match conclusion:
        case "causes":
            first = suspects[0]
            rest = len(suspects) - 1
            more = f", and {rest} more {'cause' if rest == 1 else 'causes'} to look at" if rest else ""
            return f"{first.verdict}: {first.title}{more}"
        case "nothing_wrong":
            return "Nothing wrong found."
        case "not_in_catalogue":
            what = book.get("error.message") or "what is seen"
            return f"No cause of the catalogue explains it: {what}"
        case "not_enough_seen":
            return "There was nothing to look at: no server answered, and no error was given."
