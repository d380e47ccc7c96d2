"""A lock tree some seconds later, where nothing but time has passed: what a journal need not write twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from runbook.triage.model import LockNode, LockTree

_TOLERANCE_S = 1.5  # ages are read on the server and told by our clock


def elapsed_s(before: LockTree, after: LockTree) -> float:
    """Seconds from one sample to the next."""
    return (datetime.fromisoformat(after.sampled_at) - datetime.fromisoformat(before.sampled_at)).total_seconds()


def aged(tree: LockTree, seconds: float, sampled_at: str) -> LockTree:
    """``tree`` as it is ``seconds`` later, when the same sessions still do the same."""
    return replace(
        tree,
        sampled_at=sampled_at,
        roots=tuple(_older(node, seconds) for node in tree.roots),
        longest_wait_s=round(tree.longest_wait_s + seconds, 3) if tree.waiting else tree.longest_wait_s,
    )


def only_older(before: LockTree, after: LockTree) -> bool:
    """Whether ``after`` shows the same sessions in the same states, waiting for the same, and only their ages grew."""
    expected = aged(before, elapsed_s(before, after), after.sampled_at)
    if abs(expected.longest_wait_s - after.longest_wait_s) > _TOLERANCE_S:
        return False
    if replace(expected, roots=(), longest_wait_s=0.0) != replace(after, roots=(), longest_wait_s=0.0):
        return False
    return len(expected.roots) == len(after.roots) and all(
        _alike(a, b) for a, b in zip(expected.roots, after.roots, strict=True)
    )


def _alike(a: LockNode, b: LockNode) -> bool:
    if len(a.children) != len(b.children) or not (
        _near(a.wait_s, b.wait_s)
        and _near(a.session.xact_age_s, b.session.xact_age_s)
        and _near(a.session.state_age_s, b.session.state_age_s)
    ):
        return False
    return _ageless(a) == _ageless(b) and all(_alike(x, y) for x, y in zip(a.children, b.children, strict=True))


def _ageless(node: LockNode) -> LockNode:
    return replace(node, wait_s=None, children=(), session=replace(node.session, xact_age_s=None, state_age_s=None))


def _near(a: float | None, b: float | None) -> bool:
    return a is b or (a is not None and b is not None and abs(a - b) <= _TOLERANCE_S)


def _older(node: LockNode, seconds: float) -> LockNode:
    session = replace(
        node.session,
        xact_age_s=_plus(node.session.xact_age_s, seconds),
        state_age_s=_plus(node.session.state_age_s, seconds),
    )
    children = tuple(_older(child, seconds) for child in node.children)
    return replace(node, session=session, wait_s=_plus(node.wait_s, seconds), children=children)


def _plus(age: float | None, seconds: float) -> float | None:
    return None if age is None else round(age + seconds, 3)
