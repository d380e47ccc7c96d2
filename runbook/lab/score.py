"""How often the diagnosis is right on the lab's scenarios, how sure it may be, and what simpler methods would have said.

Pure: results in, figures and a table out. Running the scenarios is the command's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from runbook.diagnosis.confusable import GROUPS
from runbook.lab.scenario import Kind

CLAIMED = frozenset({"proved", "likely"})
"""The verdicts by which the tool names a cause; less is a possibility."""
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
"""Edges of the reliability table."""


@dataclass(frozen=True)
class Told:
    """One cause as the tool listed it."""

    id: str
    probability: float
    verdict: str


@dataclass(frozen=True)
class Result:
    """One scenario under one seed: what was true, and what was said, most probable first."""

    scenario: str
    seed: int
    kind: Kind
    looks: Mapping[str, str]
    expected: str | None
    told: tuple[Told, ...]
    beside: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    sqlstate: str | None = None
    steps: tuple[str, ...] = ()
    """Ids of the steps that asked for attention, in their order."""
    harmful: tuple[str, ...] = ()
    """SQL of the first cause's playbook that would do harm here."""
    duration_s: float = 0.0
    broken: str | None = None
    """Why the scenario could not be played; then nothing else counts."""

    @property
    def first(self) -> str | None:
        """The cause that the tool names first; None where it names none."""
        return self.told[0].id if self.told and self.told[0].verdict in CLAIMED else None

    @property
    def right(self) -> bool:
        """The first cause is the true one; where too little can be seen, claiming nothing and listing it is right, too."""
        if self.kind == "unreadable" and self.first is None:
            return self.in_three
        return self.first == self.expected

    @property
    def in_three(self) -> bool:
        if self.expected is None:
            return self.first is None
        return self.expected in [t.id for t in self.told[:3]]

    @property
    def claimed(self) -> frozenset[str]:
        """Every cause that the tool calls likely or proved."""
        return frozenset(t.id for t in self.told if t.verdict in CLAIMED)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    right: int
    of: int

    def __str__(self) -> str:
        return f"{self.right} of {self.of}" + (f" ({100 * self.right / self.of:.0f} %)" if self.of else "")


@dataclass(frozen=True)
class Bin:
    """Causes listed with a probability in this range: how sure the tool was on average, and how often it was right."""

    low: float
    high: float
    count: int
    said: float
    true: float


@dataclass(frozen=True)
class Score:
    """The figures of a run."""

    results: tuple[Result, ...]
    first: Share
    in_three: Share
    false_alarms: Share
    """Pairs on which nothing is wrong and something was called likely."""
    decoys_taken: Share
    harmful: Share
    groups: Mapping[str, Share]
    brier: float
    """Mean squared error of the first probability against whether that cause was true; 0 is perfect."""
    reliability: tuple[Bin, ...]
    baselines: Mapping[str, Share] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Result, ...]:
        """Everything that went wrong, for the table that names them."""
        return tuple(r for r in self.results if r.broken or not r.right or r.harmful or r.claimed & set(r.decoys))


Baseline = Callable[[Result], str | None]


def score(results: Sequence[Result], baselines: Mapping[str, Baseline]) -> Score:
    """The figures for ``results``; ``baselines`` answer from what the engineer sees at once."""
    played = [r for r in results if r.broken is None]
    faults = [r for r in played if r.expected is not None]
    quiet = [r for r in played if r.expected is None]
    with_decoys = [r for r in played if r.decoys]
    return Score(
        results=tuple(results),
        first=_share(faults, lambda r: r.right),
        in_three=_share(faults, lambda r: r.in_three),
        false_alarms=_share(quiet, lambda r: bool(r.claimed)),
        decoys_taken=_share(with_decoys, lambda r: bool(r.claimed & set(r.decoys))),
        harmful=_share(played, lambda r: bool(r.harmful)),
        groups={
            name: _share(inside, lambda r: r.right)
            for name, ids in GROUPS.items()
            if (inside := [r for r in faults if r.expected in ids])
        },
        brier=_brier(played),
        reliability=_reliability(played),
        baselines={name: _share_of(faults, answers) for name, answers in baselines.items()},
    )


def _share(results: Iterable[Result], holds: Callable[[Result], bool]) -> Share:
    outcomes = [holds(r) for r in results]
    return Share(sum(outcomes), len(outcomes))


def _share_of(results: Iterable[Result], answers: Baseline) -> Share:
    return _share(results, lambda r: answers(r) == r.expected)


def _brier(results: Sequence[Result]) -> float:
    errors = [(t.probability - (t.id == r.expected or t.id in r.beside)) ** 2 for r in results for t in r.told[:1]]
    return sum(errors) / len(errors) if errors else 0.0


def _reliability(results: Sequence[Result]) -> tuple[Bin, ...]:
    listed = [(t.probability, t.id == r.expected or t.id in r.beside) for r in results for t in r.told]
    bins = []
    for low, high in pairwise(BINS):
        inside = [(p, true) for p, true in listed if low <= p < high or p == high == 1.0]
        if inside:
            count = len(inside)
            bins.append(Bin(low, high, count, sum(p for p, _ in inside) / count, sum(t for _, t in inside) / count))
    return tuple(bins)


def most_common(results: Sequence[Result]) -> Baseline:
    """Always the cause that is most often true here."""
    counts = Counter(r.expected for r in results if r.expected is not None)
    answer = counts.most_common(1)[0][0] if counts else None
    return lambda _: answer


def by_sqlstate(candidates: Mapping[str, Sequence[str]]) -> Baseline:
    """The first cause that the catalogue lists under the SQLSTATE; nothing without one."""
    return lambda r: next(iter(candidates.get(r.sqlstate or "", ())), None)


CHECKLIST = {
    "versions": "needs-newer-major",
    "locks": "lock-wait-idle-in-transaction",
    "role": "missing-table-privilege",
    "history": "dirty-migration-state",
    "schema": "missing-object",
    "settings": "setting-difference",
    "sizes": "table-rewrite",
}
"""What an engineer takes the first conspicuous step of the checklist for."""


def by_checklist(result: Result) -> str | None:
    """The cause that the first conspicuous step stands for."""
    return next((CHECKLIST[step] for step in result.steps if step in CHECKLIST), None)


def table(of: Score, at: str) -> str:
    """The figures as Markdown, with every failure by name."""
    seeds = sorted({r.seed for r in of.results})
    scenarios = len({r.scenario for r in of.results})
    lines = [
        f"Scored {at}: {scenarios} scenarios, seed{'s' if len(seeds) != 1 else ''} {_seeds(seeds)}, {len(of.results)} runs.",
        "",
        "| | |",
        "|---|---:|",
        f"| first cause right | {of.first} |",
        f"| in the first three | {of.in_three} |",
        f"| false alarms where nothing is wrong | {of.false_alarms} |",
        f"| decoys taken | {of.decoys_taken} |",
        f"| harmful advice | {of.harmful} |",
        f"| Brier score of the first probability | {of.brier:.3f} |",
        *(f"| baseline: {name} | {share} |" for name, share in of.baselines.items()),
        "",
        "| confusable group | first cause right |",
        "|---|---:|",
        *(f"| {name} | {share} |" for name, share in of.groups.items()),
        "",
        "| said with probability | causes | said on average | true |",
        "|---|---:|---:|---:|",
        *(f"| {b.low:.2f} to {b.high:.2f} | {b.count} | {b.said:.2f} | {b.true:.2f} |" for b in of.reliability),
        "",
    ]
    lines += ["No failures."] if not of.failures else ["Failures:", "", *map(_failure, of.failures)]
    return "\n".join(lines) + "\n"


def _seeds(seeds: Sequence[int]) -> str:
    whole = len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def _failure(result: Result) -> str:
    where = f"- {result.scenario}, seed {result.seed} ({', '.join(result.looks.values())}): "
    if result.broken:
        return where + f"could not be played: {result.broken}"
    said = []
    if not result.right:
        named = ", ".join(f"{t.id} {t.probability:.2f}" for t in result.told[:3]) or "nothing"
        said.append(f"expected {result.expected or 'nothing wrong'}, told {named}")
    taken = sorted(result.claimed & set(result.decoys))
    if taken:
        said.append(f"took the decoy {', '.join(taken)}")
    said += [f"harmful: {sql}" for sql in result.harmful]
    return where + "; ".join(said)
