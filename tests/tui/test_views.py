"""What the screens say, as text: every view is a function from the state and a width to lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook.session import events as ev
from runbook.session.state import State, fold_all
from runbook.triage.model import ComparedRow, LockTree, Step
from runbook.tui.lines import Line, cut, fit, line, paragraph, plain, preformatted, wrap
from runbook.tui.screens.locks import ending_sql
from runbook.tui.views.compared import compared, row_in_full
from runbook.tui.views.header import header
from runbook.tui.views.lock_tree import lock_tree
from runbook.tui.views.plot import plot, points
from runbook.tui.views.question import question
from runbook.tui.views.sql_block import pieces, sql_block
from runbook.tui.views.statement import detail
from runbook.tui.views.statements import statements
from runbook.tui.views.steps import PROBES, steps
from runbook.tui.views.suspects import suspects
from runbook.tui.views.timeline import timeline
from runbook.words import percent
from tests.tui import incident

HOSTILE = [
    "[/foo]",
    "[bold]int[]",
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m",
    "abc\u202edef",
    "zero\u200bwidth",
    "one\ntwo\r\nthree\tfour",
    "x" * 3000,
    "漢字かな" * 60,
    "\ud800 lone",
    "\0nul\x7fdel",
]
WIDTHS = (52, 78, 118, 198)


def the_state() -> State:
    return fold_all(incident.events(incident.payloads()))


def hostile_state(text: str) -> State:
    """The incident with ``text`` in every field that comes from outside."""
    tree = incident.lock_tree(3)
    root = tree.roots[0]
    session = replace(root.session, label=text, query=text, role=text, application_name=text, client=text)
    root = replace(root, session=session, holds=(f"AccessShareLock on {text}",))
    step = incident.steps()[3]
    rows = (ComparedRow(text, text, text, "matters", text), ComparedRow(text, None, None, "unknown", text))
    cause = incident.diagnosed().causes[0]
    cause = replace(
        cause,
        title=text,
        supporting=(ev.ReasonView(text, "strong"),),
        opposing=(ev.ReasonView(text, "against"),),
        unseen=(ev.UnseenView(text, (text,)),),
    )
    asked = ev.QuestionView("seen", text, text, (ev.AnswerView("a", text, "f"),))
    forecast = incident.forecast()
    file = forecast.files[0]
    first = replace(file.statements[0], sql=text, opaque_because=text)
    forecast = replace(forecast, files=(replace(file, path=text, statements=(first, *file.statements[1:])),))
    return fold_all(
        incident.events(
            [
                ev.SessionOpened("id", "0.1", text),
                ev.SideGiven(ev.SideInput("local", text, text)),
                ev.SideGiven(ev.SideInput("production", text, text)),
                ev.ReadingTaken("production", text, "denied", 0, 0.1, text),
                ev.SideSeen("production", text, True, text, text, 160000, text, text, True, text, text),
                ev.ErrorRead(text, text, "42601", text, text, text, text, 1, text, 1, raw=text),
                ev.InputFailed(text, text),
                ev.MigrationRead(
                    text, text, (text,), (ev.StatementRead(1, text, 1, text, text, problem=text),), (text,)
                ),
                ev.StepExamined(Step(step.id, text, "attention", text, text, rows)),
                ev.StepExamined(Step("error", text, "attention", text, text, rows)),
                ev.ForecastMade(forecast),
                ev.LocksSampled(replace(tree, roots=(root,), advice=(text, f"If {text}: {text}"), note=text)),
                ev.Diagnosed("causes", text, (cause,), (cause,), asked),
                ev.Noted(text, text),
                ev.CheckRun("production", text, "ok", (text, "b"), ((text, None),)),
                ev.CheckRun("production", text, "denied", reason=text),
            ]
        )
    )


def every_view(state: State, width: int) -> list[Line]:
    """All lines of all views."""
    found = [*header(state, width, 8.0), *steps(state, width), *suspects(state, width), *statements(state, width)]
    for selected in (*state.steps, PROBES):
        found += compared(state, selected, width)
    for step in state.steps.values():
        for number in range(len(step.rows)):
            found += row_in_full(state, step, number, width)
    opened = frozenset(f"event:{e.seq}" for e in state.events)
    found += timeline(state, width, opened)
    if state.locks is not None:
        found += lock_tree(state.locks, width)
    if state.forecast is not None:
        for one in state.forecast.statements:
            found += detail(state, one, width, safe_form=True)
    if state.diagnosis is not None and state.diagnosis.question is not None:
        found += question(state.diagnosis.question, width, focused=True)
    return found


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:12]))
def test_no_control_or_bidi_character_of_a_server_reaches_a_line(text: str) -> None:
    for width in (38, 118):
        for one in every_view(hostile_state(text), width):
            for span in one.spans:
                assert span.text.isprintable(), repr(span.text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:12]))
def test_hostile_text_is_shown_as_it_is_and_not_as_markup(text: str) -> None:
    shown = plain(every_view(hostile_state(text), 198))
    if text in ("[/foo]", "[bold]int[]"):
        assert text in shown


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("long", [False, True], ids=["plain", "long words"])
def test_every_line_fits_its_width(width: int, long: bool) -> None:
    state = hostile_state("w" * 500) if long else the_state()
    for one in every_view(state, width):
        assert one.width <= width, (one.width, one.plain)


def test_a_line_that_is_too_long_is_cut_with_an_ellipsis() -> None:
    for width in range(1, 10):
        for text in ("abcdefgh", "漢字漢字"):
            one = cut(line(("ab", "bold"), text), width)
            assert one.width <= width
            assert one.plain.endswith("…")
    assert cut(line("abc"), 3) == line("abc")


def test_production_says_production_and_read_only_at_every_width() -> None:
    for width in (60, 80, 100, 120, 200):
        shown = plain(header(the_state(), width, 8.0))
        assert "PRODUCTION" in shown
        assert "READ-ONLY" in shown
        assert "16.2" in shown
        assert "00:08" in shown


def test_a_renamed_production_is_still_called_production() -> None:
    state = fold_all(incident.events([ev.SideGiven(ev.SideInput("production", "eu-1", "shop@db-1"))]))
    assert "PRODUCTION eu-1" in plain(header(state, 120, 0.0))


def test_an_unreachable_side_says_so_in_the_header_and_below_the_steps() -> None:
    state = fold_all(
        incident.events(
            [
                ev.SideGiven(ev.SideInput("production", "production", "shop@db-1")),
                ev.SideSeen("production", "production", False, "connection refused"),
            ]
        )
    )
    assert "unreachable" in plain(header(state, 120, 0.0))
    assert "unreachable" in plain(steps(state, 30))


def test_an_unknown_value_shows_its_reason_in_its_place() -> None:
    shown = plain(compared(the_state(), "settings", 118))
    row = next(r for r in shown.splitlines() if r.startswith("work_mem"))
    assert "permission denied" in row


def test_what_differs_and_matters_is_marked_with_its_reason_below() -> None:
    shown = plain(compared(the_state(), "sizes", 78)).splitlines()
    at = next(n for n, r in enumerate(shown) if r.startswith("public.orders"))
    assert "!!" in shown[at]
    assert "1,300×" in shown[at + 1]


def test_denied_and_timed_out_probes_are_counted_and_listed_with_their_reason() -> None:
    assert "1 denied" in plain(steps(the_state(), 31))
    assert "1 timed out" in plain(steps(the_state(), 31))
    listed = plain(compared(the_state(), PROBES, 100))
    assert "GRANT pg_read_all_stats TO shop" in listed
    assert listed.index("horizon") < listed.index("identity"), "what brought nothing comes first"


def test_a_suspect_shows_its_verdict_its_bar_and_all_its_sentences() -> None:
    shown = plain(suspects(the_state(), 60))
    assert "A queue behind waiting DDL" in shown
    assert "+ 42 sessions wait behind 5120" in shown
    assert "− nobody cancelled it yet" in shown
    assert "? whether its client is alive (not seen: a server cannot" in shown
    assert "99 % proved" in shown


def test_what_was_ruled_out_says_by_what() -> None:
    shown = plain(suspects(the_state(), 60))
    assert shown.index("ruled out") < shown.index("Needs a newer major") < shown.index("− every statement parses on 16")


def test_nothing_wrong_says_what_was_looked_at() -> None:
    payloads = [p for p in incident.payloads() if not isinstance(p, ev.Diagnosed)]
    nothing = ev.Diagnosed("nothing_wrong", "Nothing wrong found.", ())
    shown = plain(suspects(fold_all(incident.events([*payloads, nothing])), 60))
    assert "Nothing wrong found" in shown
    assert "Versions: production runs an older major" in shown
    assert "Exact error: not looked at" in shown
    assert "2 of 18 probes brought nothing" in shown


def test_a_cause_outside_the_catalogue_is_said_to_be_one() -> None:
    found = ev.Diagnosed("not_in_catalogue", "No cause of the catalogue explains it: boom", ())
    shown = plain(suspects(fold_all(incident.events([found])), 60))
    assert "Not in the catalogue" in shown
    assert "boom" in shown


@pytest.mark.parametrize(("probability", "shown"), [(0.999, "99 %"), (0.5, "50 %"), (0.001, "1 %"), (0.0, "0 %")])
def test_certainty_is_never_claimed_by_rounding(probability: float, shown: str) -> None:
    assert percent(probability) == shown


def test_sessions_that_do_the_same_are_one_line_with_their_number() -> None:
    shown = plain(lock_tree(incident.lock_tree(41), 118))
    assert "+ 40 like this" in shown
    assert shown.count("SELECT * FROM orders") == 1
    assert "5133" in shown, "the one that does something else stays"


def test_a_folded_group_unfolds_to_every_session() -> None:
    tree = incident.lock_tree(41)
    key = f"5134@{incident.waiter(5134, '', '').session.backend_start}"
    shown = plain(lock_tree(tree, 118, unfolded=frozenset({key})))
    assert shown.count("SELECT * FROM orders") == 41


@pytest.mark.parametrize("width", [46, 78, 118])
def test_the_migration_is_marked_in_the_tree_at_every_width(width: int) -> None:
    shown = plain(lock_tree(incident.lock_tree(), width))
    assert "← your migration" in shown
    assert "+ 40 like this" in shown


def test_the_sql_that_ends_a_session_names_its_backend_start() -> None:
    session = incident.lock_tree().roots[0].session
    for _, _, sql in ending_sql(session):
        assert f"pid = {session.pid}" in sql
        assert f"backend_start = '{session.backend_start}'" in sql
    assert "no effect" in ending_sql(session)[0][1], "an idle session has nothing to cancel"


def test_a_session_whose_backend_start_is_hidden_gets_no_sql() -> None:
    session = replace(incident.lock_tree().roots[0].session, backend_start=None)
    assert [sql for _, _, sql in ending_sql(session)] == [""]


def test_a_prepared_transaction_is_ended_by_its_quoted_name() -> None:
    session = replace(incident.lock_tree().roots[0].session, pid=0, gid="it's")
    assert [sql for _, _, sql in ending_sql(session)] == ["COMMIT PREPARED 'it''s';", "ROLLBACK PREPARED 'it''s';"]


def test_the_statement_table_says_locks_time_who_it_waits_for_and_verdict() -> None:
    rows = plain(statements(the_state(), 118)).splitlines()
    assert "AccessExclusive orders" in rows[1]
    assert "< 10 ms" in rows[1]
    assert "pid 4182" in rows[1]
    assert rows[1].endswith("warning")
    assert "scan" in rows[2]
    assert rows[2].endswith("DANGER")
    assert "6-9 min" in rows[3]
    assert rows[4].endswith("opaque")


def test_a_statement_in_full_says_what_it_blocks_and_what_it_rests_on() -> None:
    state = the_state()
    assert state.forecast is not None
    shown = plain(detail(state, state.forecast.statements[1], 110, safe_form=True))
    for part in ("VALIDATE CONSTRAINT", "scans", "readers and writers of public.orders", "from: 39 M rows", ":5"):
        assert part in shown
    assert "may fail with 42501" in plain(detail(state, state.forecast.statements[3], 110, safe_form=False))


def test_a_migration_without_a_forecast_still_lists_its_statements_with_what_does_not_parse() -> None:
    read = ev.MigrationRead(
        "psql",
        "per_file",
        ("a.sql",),
        (ev.StatementRead(1, "a.sql", 1, "unparsed", "SELEC 1", problem="syntax error"),),
    )
    shown = plain(statements(fold_all(incident.events([read])), 80))
    assert "SELEC 1" in shown
    assert "syntax error" in shown


def test_rows_against_seconds_has_a_point_for_each_side() -> None:
    state = the_state()
    assert state.forecast is not None
    found = points(state, state.forecast.statements[0])
    assert [p.side for p in found] == ["local", "production"]
    picture = plot(found, 80)
    assert [plain(picture[:-2]).count(mark) for mark in "○●"] == [1, 1]
    assert all(one.width <= 80 for one in picture)


def test_a_block_that_lacks_a_value_says_what_to_fill_in() -> None:
    from runbook.playbook import SqlBlock

    block = SqlBlock(
        "fix", "SELECT <locks blocker: unknown>", "production", False, runnable=False, missing=("locks blocker",)
    )
    assert "fill in first: locks blocker" in plain(sql_block(block, None, 80))


def test_a_result_shows_its_rows_and_a_null_as_such() -> None:
    from runbook.playbook import SqlBlock

    block = SqlBlock("verify", "SELECT 1", "production", False, expect="0 rows")
    shown = plain(sql_block(block, ev.CheckRun("production", "SELECT 1", "ok", ("a", "b"), (("1", None),)), 60))
    assert "expected: 0 rows" in shown
    assert "1 row" in shown
    assert "∅" in shown


def test_every_sql_block_of_a_playbook_is_a_piece_of_its_section() -> None:
    from runbook.playbook import load

    state = the_state()
    playbooks, _ = load()
    for playbook in playbooks.values():
        rendered = playbook.render(state.book())
        found = [p for section in rendered.sections for p in pieces(rendered, section) if not isinstance(p, str)]
        assert found == list(rendered.sql), playbook.id


def test_the_question_hides_its_keys_until_it_has_the_focus() -> None:
    asked = incident.diagnosed().question
    assert asked is not None
    before, after = question(asked, 118, focused=False), question(asked, 118, focused=True)
    assert "a to answer:" in plain(before)
    assert "a to answer:" not in plain(after)
    assert "decides between" in plain(after)


def test_readings_and_samples_that_follow_each_other_are_one_entry() -> None:
    state = the_state()
    shown = plain(timeline(state, 118, frozenset()))
    assert shown.count("probes") == 2, "one entry, called probes twice"
    assert "18 probes on local and production: 1 denied, 1 timed out" in shown
    samples = [ev.LocksSampled(incident.lock_tree(n)) for n in range(5)]
    assert "5 samples" in plain(timeline(fold_all(incident.events(samples)), 118, frozenset()))


def test_an_entry_opens_to_its_details() -> None:
    state = the_state()
    key = next(f"event:{e.seq}" for e in state.events if isinstance(e.payload, ev.ReadingTaken))
    assert "permission denied" not in plain(timeline(state, 118, frozenset()))
    assert "permission denied" in plain(timeline(state, 118, frozenset({key})))


def test_text_is_cut_with_an_ellipsis_and_wide_characters_count_double() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("漢字漢字", 5) == "漢字…"
    assert line(fit("漢字漢字", 4)).width <= 4
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three four five", 7, 2)[-1].endswith("…")


def test_sql_keeps_its_own_lines_and_breaks_long_ones_at_blanks() -> None:
    rows = [one.plain for one in preformatted("SELECT a,\n  b FROM t WHERE something_long = 1", 24)]
    assert rows[0] == "SELECT a,"
    assert rows[1].startswith("  b FROM")
    assert all(len(r) <= 24 for r in rows)
    assert "".join("".join(rows).split()) == "SELECTa,bFROMtWHEREsomething_long=1"


def test_nothing_is_shown_as_nobody_waiting_for_an_empty_tree() -> None:
    assert plain(lock_tree(LockTree("production", "2026-11-21T03:00:00+00:00"), 80)) == ""


def test_a_paragraph_hangs_under_its_sign() -> None:
    rows = [one.plain for one in paragraph("one two three", 9, first="+ ", indent=2)]
    assert rows == ["+ one two", "  three"]
