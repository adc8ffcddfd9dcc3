"""The page's routes beyond the overview: what they show, and what they refuse."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import FixedClock
from app.model import KEY_ID, Event, FindingState, Snooze
from app.service.snapshot import Health, Snapshot, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import create_app
from app.web.sheet import PAGE_SIZE
from tests.fakes.pictures import NOW, PROD, picture
from tests.fakes.stories import ID, OneStory, crowd, dossier

LISTS = ("/findings", "/accounts", "/held")
DOWNLOADS = tuple(
    f"/{name}.{form}"
    for name in ("findings", "accounts", "held", "long-holds", "deliveries")
    for form in ("csv", "json")
)


HOLDER, STORY = SnapshotHolder(), OneStory()


@cache
def asker() -> FlaskClient:
    """One application for all tests: each would compile the templates anew."""
    health = Health(lambda: 0.0, lambda: None, timedelta(minutes=2), config_loaded=True)
    registry = build_registry(SnapshotCollector(HOLDER.get, Counters()))
    clock = FixedClock(NOW)
    made = create_app(HOLDER, health, registry, public_page=True, clock=clock, dossiers=STORY)
    return made.test_client()


def client(snapshot: Snapshot | None = None, story: OneStory | None = None) -> FlaskClient:
    """The application, showing just this from now on."""
    HOLDER.set(snapshot or picture())
    shown = story or OneStory()
    STORY.dossier, STORY.fault = shown.dossier, shown.fault
    return asker()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")).split())


def rows_of(html: str) -> int:
    return len(re.findall(r'<th scope="row" role="rowheader">', html))


@pytest.mark.parametrize("path", [*LISTS, *DOWNLOADS])
def test_every_route_answers_also_before_the_first_run(path: str) -> None:
    for snapshot in (picture(), Snapshot()):
        assert client(snapshot).get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/findings?page=x", "Page: should be a number from 1 on."),
        ("/findings?sort=reason;drop", "Sort: should be one of"),
        ("/findings?colour=red", "There is no parameter &#34;colour&#34;."),
        ("/accounts?due=2026-01-01", "There is no parameter &#34;due&#34;."),
        ("/findings.csv?page=0", "Page: should be a number"),
        ("/held.json?guard=a&guard=b", "Guard: is given more than once."),
    ],
)
def test_a_parameter_that_cant_be_meant_is_refused_in_a_sentence(path: str, said: str) -> None:
    answer = client().get(path)
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/findings/KS-9999999999", "/findings/..%2f", "/findings.xml"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    answer = client().get(path)
    assert answer.status_code == 404
    assert "Not found" in answer.text


def test_a_page_holds_no_more_rows_than_a_page_however_many_findings_there_are() -> None:
    shown = client(crowd(10_000))
    for path in ("/findings", "/findings?page=200", "/findings?sort=-user&state=warn", "/"):
        assert rows_of(shown.get(path).text) <= PAGE_SIZE + 20, path
    text = words(shown.get("/findings?page=2").text)
    assert "51 to 100 of 10,000" in text
    assert "Page 2 of 200" in text


def test_next_and_previous_keep_what_was_asked() -> None:
    html = client(crowd(300)).get("/findings?state=warn&sort=-user&page=2").text
    assert 'rel="prev" href="/findings?state=warn&amp;sort=-user&amp;page=1"' in html
    assert 'rel="next" href="/findings?state=warn&amp;sort=-user&amp;page=3"' in html
    assert 'aria-sort="descending"' in html


def test_filters_stay_in_their_fields() -> None:
    html = client().get("/findings?q=%22%3E%3Cb%3E&state=gone&account=prod").text
    assert 'value="&#34;&gt;&lt;b&gt;"' in html
    assert "<option selected>gone</option>" in html
    assert "No finding matches." in html


def test_a_list_that_was_cut_says_so() -> None:
    text = words(client(replace(crowd(3), findings_in_all=12_345)).get("/findings").text)
    assert "Of 12,345 in all, those of the 3 oldest credentials are listed." in text


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_download_has_every_row_that_the_filter_lets_through(form: str) -> None:
    answer = client(crowd(300)).get(f"/findings.{form}?state=final&sort=user")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="keysteward-findings.{form}"'
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
    else:
        rows = json.loads(answer.text)["findings"]
    assert [row["user"] for row in rows] == [f"user-{n:05}" for n in range(0, 300, 3)]


def test_accounts_show_their_freshness_and_what_is_wrong() -> None:
    text = words(client().get("/accounts").text)
    assert "test 444455556666 failing for 2 days: access denied never unknown unknown" in text
    only = words(client().get("/accounts?status=read").text)
    assert "prod 111122223333 read now" in only
    assert "access denied" not in only


def test_of_an_account_that_was_never_read_no_number_is_told() -> None:
    rows = {row["account"]: row for row in csv.DictReader(io.StringIO(client().get("/accounts.csv").text))}
    assert (rows["test"]["credentials"], rows["test"]["root_keys"]) == ("", "")
    assert rows["prod"]["root_keys"] == "1"


def test_what_is_held_is_shown_with_the_plan_and_the_long_holds() -> None:
    text = words(client().get("/held").text)
    assert "A plan waits for approval" in text
    assert "Until Monday." in text
    assert "Held for over a week" in text
    assert "Not delivered" in text


def test_one_finding_is_told_whole() -> None:
    text = words(client(story=OneStory(dossier())).get(f"/findings/{ID}").text)
    for said in (
        "of ci-deploy in prod",
        "Older than 90 days.",
        "deactivate age 90 days",
        "earliest 23 Nov 2026; 1 of 2 required notices delivered",
        "no day as things stand",
        "198.51.100.7 aws-cli/2.15 s3 eu-central-1 42",
        "It looks like a CI job.",
        "final slack delivered ann@example.com 23 Nov 2026 8 days ago",
        "deactivated by keysteward",
        "The key was read live at 2026-11-20 11:59 UTC: Active, last used 2026-11-19 08:00 UTC by s3",
        "Required: 2 notices over 7 days",
        "Notice to ann@example.com on 2026-11-12 12:00 UTC",
        "Owner: ann@example.com (tag owner)",
        "By rule, …0001",
        "keysteward explain KS-0000000001",
    ):
        assert said in text


def test_a_finding_that_no_run_shows_any_more_is_told_from_the_ledger() -> None:
    resolved = dossier(finding=replace(dossier().finding, state=FindingState.RESOLVED))
    text = words(client(Snapshot(), OneStory(resolved)).get(f"/findings/{ID}").text)
    assert "…0001 of ci-deploy in prod resolved Older than 87 days." in text
    assert "The last run did not list it" in text


def test_a_snooze_is_told_with_who_and_why() -> None:
    snoozed = dossier(snooze=Snooze("", NOW + timedelta(days=2), "ann@example.com", "on holiday", NOW))
    text = words(client(story=OneStory(snoozed)).get(f"/findings/{ID}").text)
    assert "Snoozed until 22 Nov 2026 by ann@example.com: on holiday" in text


def test_while_the_ledger_is_silent_the_last_run_is_shown() -> None:
    shown = client(story=OneStory(fault="the disk is full"))
    answer = shown.get(f"/findings/{ID}")
    assert answer.status_code == 200
    text = words(answer.text)
    assert "The ledger could not be read : the disk is full." in text
    assert "Older than 90 days." in text
    assert "Deliveries" not in text
    unknown = shown.get("/findings/KS-9999999999")
    assert unknown.status_code == 503
    assert "the disk is full." in unknown.text


def test_an_event_of_an_older_release_is_shown_as_far_as_it_goes() -> None:
    old = Event(NOW, "keysteward", "deactivated", PROD, ID, "", "By rule", {"evidence": {"key": None}})
    odd = replace(old, data={"evidence": "text"})
    bare = replace(old, data={"evidence": {"notices": [{"to": "ann"}], "require": {"over": "7d"}}})
    text = words(client(story=OneStory(dossier(events=(old, odd, bare)))).get(f"/findings/{ID}").text)
    assert text.count("deactivated by keysteward") == 3
    assert "Notice to ann on an unknown time" in text


def test_a_long_story_is_cut() -> None:
    row = dossier().deliveries[0]
    rows = tuple(replace(row, occurrence=n) for n in range(1, 400))
    html = client(story=OneStory(dossier(deliveries=rows))).get(f"/findings/{ID}").text
    assert "; 100 of them." in html
    assert rows_of(html) < 120


@pytest.mark.parametrize("path", [*LISTS, f"/findings/{ID}", "/nothing"])
def test_no_page_needs_a_script_or_an_inline_style(path: str) -> None:
    html = client(crowd(60), OneStory(dossier())).get(path).text
    assert not re.search(r"<script|<style| style=| on[a-z]+=", html)
    assert "form-action 'self'" in client().get(path).headers["Content-Security-Policy"]


def test_no_full_key_id_gets_out_by_any_page_or_download() -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.from_regex(r"\AA(KI|SI)A[A-Z0-9]{16}\Z"))
    def holds(key_id: str) -> None:
        shown = client(picture(lambda word: f"{word} {key_id}"), OneStory(dossier(advice=key_id)))
        for path in (*LISTS, f"/findings/{ID}", *DOWNLOADS):
            assert not KEY_ID.search(shown.get(path).text), path

    holds()


PATHS = st.sampled_from([*LISTS, "/findings.csv", "/accounts.json"])
NAMES = st.sampled_from(["q", "sort", "page", "state", "due", "guard", "status", "x"])


def test_whatever_is_asked_the_answer_is_a_page_or_a_clear_refusal() -> None:
    shown = client()

    @settings(max_examples=100, deadline=None)
    @given(PATHS, st.lists(st.tuples(NAMES, st.text(max_size=20)), max_size=4))
    def holds(path: str, parameters: list[tuple[str, str]]) -> None:
        assert shown.get(path, query_string=parameters).status_code in (200, 400)

    holds()


def test_leaked_keys_are_listed_first_with_a_story_though_they_are_on_no_ladder() -> None:
    leaked = replace(
        picture().findings[0], finding_id="KS-LEAKEDKEY1", state="ok", rule="", user="young", exposed=True
    )
    shown = replace(picture(), findings=(), leaked=(leaked,))
    page = words(client(shown).get("/").text)
    assert page.index("Exposed credentials") < page.index("Credentials by state")
    assert "KS-LEAKEDKEY1" in page
    assert "Nobody could tell" not in page
    assert client(shown).get("/findings/KS-LEAKEDKEY1").status_code == 200
    told = client(shown).get("/api/v1/findings").json
    assert told
    assert [row["finding_id"] for row in told["leaked"]] == ["KS-LEAKEDKEY1"]


def test_leaked_keys_of_which_only_the_number_is_known_are_told_by_account() -> None:
    assert "Nobody could tell whose they are in prod (2)" in words(client().get("/").text)
