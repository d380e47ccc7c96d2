"""What a transcript tells: the story first, every time with its clock, every number with its basis."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from runbook.playbook import load
from runbook.session import events as ev
from runbook.session.state import State, fold_all
from runbook.transcript import FORMATS, render
from runbook.transcript.impact import queue
from runbook.transcript.moments import FIRST_SCREEN, MOST, timeline
from runbook.transcript.pictures import MOST_POINTS, blocked, lock_tree
from runbook.transcript.story import story
from tests.transcript.poison import ERROR, long_events, payloads, state
from tests.tui import incident

PLAYBOOKS, _ = load()


def of(*more: ev.Payload) -> State:
    return fold_all(incident.events([*incident.payloads(), *more]))


def sample(waiting: int, **more: object) -> ev.LocksSampled:
    tree = incident.lock_tree()
    return ev.LocksSampled(replace(tree, waiting=waiting, roots=tree.roots if waiting else (), **more))  # type: ignore[arg-type]


def test_two_exports_of_one_journal_are_equal_byte_for_byte() -> None:
    for form in FORMATS:
        assert render(state(), PLAYBOOKS, form) == render(state(), PLAYBOOKS, form), form


def test_the_timeline_is_in_order_and_says_whose_clock_told_each_time() -> None:
    found = timeline(state().events).moments
    times = [m.time for m in found]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    assert all(m.source for m in found)


def test_what_began_before_we_looked_stands_in_the_timeline_with_the_servers_clock() -> None:
    found = timeline(state().events).moments
    began = next(m for m in found if "began the transaction" in m.text)
    assert began.text == "4182 (app (nightly report)) began the transaction that holds ACCESS SHARE on public.orders"
    assert began.at == "2026-11-21T02:34:56.000+00:00"  # 25 min 10 s before the sample of 03:00:06
    assert began.source.startswith("production's clock: 25 min old when sampled")
    assert found[0] is began


def test_a_migration_that_tries_again_begins_to_wait_again() -> None:
    tree = incident.lock_tree()
    (root,) = tree.roots
    (migration,) = root.children

    def waiting(at: str, wait_s: float) -> ev.LocksSampled:
        again = replace(root, children=(replace(migration, wait_s=wait_s),))
        return ev.LocksSampled(replace(tree, sampled_at=at, roots=(again,)))

    found = of(
        waiting("2026-11-21T03:00:07.000+00:00", 272.3),  # the wait of before, a second older
        waiting("2026-11-21T03:02:00.000+00:00", 2.0),
    )
    began = [m.at[11:19] for m in timeline(found.events).moments if "began to wait" in m.text]
    assert began == ["02:55:35", "03:01:58"]


def test_the_time_of_a_log_line_is_used_only_where_it_has_a_zone() -> None:
    logged = [m for m in timeline(of(ERROR).events).moments if "was logged" in m.text]
    assert [m.at for m in logged] == ["2026-11-21T02:59:58.120+00:00"]
    local = replace(ERROR, raw=ERROR.raw.replace(" UTC", ""))
    assert not [m for m in timeline(of(local).events).moments if "was logged" in m.text]


def test_a_second_look_that_finds_the_same_is_counted_and_not_told_again() -> None:
    once, twice = timeline(of().events), timeline(of(*incident.payloads()[4:]).events)
    assert len(twice.moments) == len(once.moments)
    assert "1 diagnosis" not in twice.note
    assert "diagnoses that said the same" in twice.note
    assert "The journal holds all of them." in twice.note


def test_a_change_of_belief_and_a_server_that_went_away_are_told() -> None:
    found = of(
        incident.diagnosed(conclusion="nothing_wrong", summary="Nothing wrong found.", causes=()),
        ev.SideSeen("production", "production", False, "connection refused"),
    )
    told = [m.text for m in timeline(found.events).key]
    assert "Nothing wrong found" in told
    assert "production could not be reached: connection refused" in told
    assert [b.summary for b in story(found).beliefs][-1] == "Nothing wrong found."


def test_a_cause_that_was_held_and_given_up_is_told_as_ruled_out_with_what_came_instead() -> None:
    found = of(incident.diagnosed(conclusion="nothing_wrong", summary="Nothing wrong found.", causes=(), ruled_out=()))
    ruled = {r.title: r.by for r in story(found).ruled_out}
    assert "given up at event" in ruled["A queue behind waiting DDL"][0]
    assert "Nothing wrong found." in ruled["A queue behind waiting DDL"][0]


def test_a_queue_that_went_away_is_a_resolution_and_its_fullest_moment_is_the_one_drawn() -> None:
    found = of(sample(50), sample(0))
    assert story(found).ended.known
    assert "Nobody waited for a lock any more" in story(found).ended.told[0]
    html = render(found, PLAYBOOKS, "html")
    assert "50 sessions when most waited, 0 when last sampled" in html
    assert "4182 (app (nightly report))" in html


def test_samples_that_only_say_that_time_has_passed_count_and_the_waits_grow_with_them() -> None:
    passed = ev.LocksUnchanged("2026-11-21T03:01:00.000+00:00", 30.0)
    found = fold_all(incident.events([*incident.payloads(), passed, passed], step_s=1.0))
    waits = queue(found)
    assert waits is not None
    assert (waits.samples, waits.migration_s, waits.longest_s) == (3, 331.0, 331.0)
    assert waits.blocked_s == 4.0  # three events from the sample to the next, and one more
    assert "waits for 5 min 31 s" in render(found, PLAYBOOKS, "markdown")


def test_how_much_was_taken_out_before_it_was_written_is_told() -> None:
    events = incident.events(payloads())
    events[-1] = replace(events[-1], removed={"row value": 2, "password": 1})
    assert "password (1), row value (2)" in [u.why for u in story(fold_all(events)).unseen]


def test_a_session_that_still_waits_is_no_resolution() -> None:
    ended = story(of()).ended
    assert not ended.known
    assert ended.told == ("43 sessions still waited when locks were last sampled.",)


def test_time_during_which_nobody_looked_is_not_counted_as_waiting() -> None:
    events = incident.events([*incident.payloads(), sample(43), sample(43)], step_s=1.0)
    apart = [*events[:-1], replace(events[-1], offset_s=events[-1].offset_s + 7200)]
    near, far = queue(fold_all(events)), queue(fold_all(apart))
    assert near is not None
    assert far is not None
    assert near.blocked_s - far.blocked_s == 1.0
    assert far.blocked_s < 60


def test_a_recording_with_a_time_that_cannot_be_read_is_still_told() -> None:
    events = [replace(e, at="yesterday") for e in incident.events(payloads())]
    for form in FORMATS:
        assert "A queue behind waiting DDL" in render(fold_all(events), {}, form)


def test_an_empty_session_is_told_as_one_in_every_form() -> None:
    opened = fold_all(incident.events([ev.SessionOpened("20261121-030000-7f3a", "0.1.0", "deploy-4711")]))
    for form in FORMATS:
        text = render(opened, {}, form)
        assert "20261121-030000-7f3a" in text
        if form != "json":
            assert "Nothing was concluded" in text


@dataclass(frozen=True)
class Restarted:
    side: str
    after_s: float


def test_an_event_of_a_newer_kind_is_told_by_its_values() -> None:
    found = timeline(incident.events([ev.SessionOpened("s", "0", "t"), Restarted("production", 2.5)]))  # type: ignore[list-item]
    assert (found.moments[-1].kind, found.moments[-1].text) == ("restarted", "side production; after s 2.5")


def test_a_session_of_hours_and_ten_thousand_events_is_thinned_and_says_so() -> None:
    events = long_events()
    assert len(events) > 10_000
    found = fold_all(events)
    told = timeline(found.events)
    assert len(told.moments) <= MOST
    assert len(told.first_screen) <= FIRST_SCREEN
    assert {"opened", "diagnosis", "error", "closed"} <= {m.kind for m in told.first_screen}
    assert re.match(r"[\d,]+ events: not listed one by one are ", told.note)
    html = render(found, PLAYBOOKS, "html")
    assert len(html) < 1_000_000
    assert "the highest of each stretch" in html
    assert "events: not listed one by one" in html


def test_the_highest_queue_of_a_session_survives_the_thinning_of_its_picture() -> None:
    tree = incident.lock_tree()
    waits = [7] * 3000
    waits[1777] = 93
    opened = ev.SessionOpened("s", "0", "t")
    found = fold_all(incident.events([opened, *(ev.LocksSampled(replace(tree, waiting=n)) for n in waits)], step_s=1.0))
    picture = blocked(found)
    assert picture is not None
    assert "at most 93" in picture.title
    assert f"drawn as {MOST_POINTS}" in picture.note


def test_a_wide_queue_is_drawn_as_groups_and_what_is_not_drawn_is_counted() -> None:
    tree = incident.lock_tree(readers=400)
    picture = lock_tree(tree)
    assert picture is not None
    assert "+ 399 like this" in picture.svg
    migration = tree.roots[0].children[0]
    different = tuple(
        replace(
            migration.children[0],
            session=replace(migration.children[0].session, pid=9000 + n, query=f"SELECT {'x' * n}"),
        )
        for n in range(100)
    )
    root = replace(tree.roots[0], children=(replace(migration, children=different),))
    wide = lock_tree(replace(tree, roots=(root,)))
    assert wide is not None
    assert "62 more are not drawn." in wide.note


def test_a_postmortem_has_every_heading_with_its_evidence_and_leaves_the_judgement_to_people() -> None:
    text = render(state(), PLAYBOOKS, "postmortem")
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == [
        "Summary",
        "Impact",
        "Timeline (UTC)",
        "Contributing factors",
        "Root cause",
        "What was ruled out, and by what",
        "What could not be seen",
        "Resolution",
        "Verification",
        "Follow-ups",
        "Lessons",
        "Notes taken meanwhile",
    ]

    def part(heading: str) -> str:
        return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]

    assert "5120 waits for ACCESS EXCLUSIVE on public.orders (proves)" in part("Root cause")
    assert "Needs a newer major: every statement parses on 16" in part("What was ruled out, and by what")
    assert "GRANT pg\\_read\\_all\\_stats TO shop" in part("What could not be seen")
    assert "| the migration waited | at least 4 min 31 s |" in part("Impact")
    assert "cancel on production as deploy, done: t" in part("Resolution")
    assert "_To be written by people._" in part("Lessons")
    assert "production's clock" in part("Timeline (UTC)")


def test_a_chat_message_names_cause_evidence_and_what_to_do_in_a_few_lines() -> None:
    text = render(of(), PLAYBOOKS, "chat")
    lines = text.splitlines()
    assert len(lines) <= 12
    assert lines[1].startswith("Cause: A queue behind waiting DDL (proved, 99 %): 5120 waits for ACCESS EXCLUSIVE")
    assert "- If 5120 is cancelled: 42 sessions go on now." in lines
    assert lines[-1] == "Next: playbook 'lock-queue-behind-waiting-ddl'; session '20261121-030000-7f3a'".replace(
        "'", "`"
    )


def test_without_an_established_cause_nothing_is_called_one() -> None:
    possible = replace(incident.diagnosed().causes[0], verdict="possible", probability=0.4)
    found = of(incident.diagnosed(conclusion="not_enough_seen", summary="Not enough was seen.", causes=(possible,)))
    assert "Not established: Not enough was seen." in render(found, PLAYBOOKS, "postmortem")
    chat = render(found, PLAYBOOKS, "chat")
    assert "Perhaps: A queue behind waiting DDL" in chat
    assert "Cause:" not in chat


def test_times_are_utc_whatever_zone_a_journal_was_written_in() -> None:
    shifted = [
        replace(e, at=datetime.fromisoformat(e.at).astimezone().isoformat(timespec="milliseconds"))
        for e in state().events
    ]
    assert [m.time for m in timeline(shifted).moments] == [m.time for m in timeline(state().events).moments]
