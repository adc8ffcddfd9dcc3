"""The metrics, as Prometheus reads them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.model import KEY_ID
from app.service.snapshot import Snapshot
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.sinks.prometheus.families import MAX_FINDING_SERIES
from app.telemetry import Counters
from tests.fakes.pictures import NOW, PROD, finding, picture, sweep

CREATED = "keysteward_credential_created_timestamp_seconds"
KEY_IDS = st.from_regex(r"\AA(KI|SI)A[A-Z0-9]{16}\Z")

EXPECTED = """\
keysteward_build_info{version="1.2.3"} 1.0
keysteward_leader 1.0
keysteward_paused 1.0
keysteward_ledger_up 1.0
keysteward_config_last_reload_successful 1.0
keysteward_last_run_timestamp_seconds{outcome="partial"} 1.7951760e+09
keysteward_credentials{account="prod",account_id="111122223333",kind="access_key",state="ok"} 7.0
keysteward_credentials{account="prod",account_id="111122223333",kind="access_key",state="final"} 1.0
keysteward_credentials_due{within="1d"} 0.0
keysteward_credentials_due{within="7d"} 1.0
keysteward_credentials_due{within="30d"} 1.0
keysteward_series_dropped 0.0
keysteward_accounts{outcome="success"} 1.0
keysteward_accounts{outcome="failed"} 1.0
keysteward_account_last_success_timestamp_seconds{account="prod",account_id="111122223333"} 1.7951760e+09
keysteward_accounts_leaks_unknown 1.0
keysteward_root_access_keys{account_id="111122223333"} 1.0
keysteward_exposed_credentials{account_id="111122223333"} 2.0
keysteward_scan_in_progress 1.0
keysteward_scan_started_timestamp_seconds 1.795175917e+09
keysteward_scan_accounts{state="waiting"} 3188.0
keysteward_scan_accounts{state="read"} 5809.0
keysteward_scan_accounts{state="resumed"} 1000.0
keysteward_scan_accounts{state="failed"} 3.0
keysteward_scan_coverage_ratio 0.5
keysteward_aws_requests_total{operation="ListAccessKeys",outcome="ok",service="iam"} 12.0
keysteward_deliveries_total{outcome="delivered",sink="slack"} 2.0
keysteward_deliveries_total{outcome="failed",sink="slack"} 0.0
keysteward_deliveries_total{outcome="dead",sink="slack"} 0.0
keysteward_deliveries_pending{sink="slack"} 3.0
keysteward_deliveries_dead{sink="jira"} 1.0
keysteward_sink_breaker_open{sink="jira"} 0.0
keysteward_sink_breaker_open{sink="slack"} 1.0
keysteward_actions_total{action="deactivate",outcome="success"} 1.0
keysteward_actions_total{action="deactivate",outcome="held"} 0.0
keysteward_actions_total{action="deactivate",outcome="failed"} 0.0
keysteward_actions_total{action="delete",outcome="success"} 0.0
keysteward_actions_total{action="delete",outcome="held"} 0.0
keysteward_actions_total{action="delete",outcome="failed"} 0.0
keysteward_audit_copies_total{outcome="success"} 5.0
keysteward_audit_copies_total{outcome="failed"} 0.0
keysteward_audit_events_uncopied 4.0
keysteward_audit_trail_intact 1.0
keysteward_held_actions{guard="freeze"} 1.0
"""


def scrape(snapshot: Snapshot, counters: Counters | None = None, user_label: bool = False) -> str:
    registry = CollectorRegistry()
    aws: Mapping[tuple[str, str, str], int] = {("iam", "ListAccessKeys", "ok"): 12}
    registry.register(
        SnapshotCollector(lambda: snapshot, counters or Counters(), lambda: aws, user_label=user_label)
    )
    return generate_latest(registry).decode()


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(name) and not line.startswith("#")]


def values(text: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples if s.name == name)
    return {tuple(sorted(s.labels.items())): s.value for s in samples}


def busy() -> Counters:
    counters = Counters()
    counters.add("deliveries_total", 2, sink="slack", outcome="delivered")
    counters.add("actions_total", action="deactivate", outcome="success")
    counters.add("audit_copies_total", 5, outcome="success")
    counters.observe_scan(71)
    return counters


def normal(line: str) -> tuple[str, float]:
    series, value = line.rsplit(" ", 1)
    return series, float(value)


def test_every_series_of_a_seeded_snapshot_is_exactly_as_documented() -> None:
    shown = [
        normal(line)
        for line in scrape(picture(), busy()).splitlines()
        if not line.startswith("#") and "_bucket" not in line and "_sum" not in line
        and "_count" not in line and CREATED not in line
    ]  # fmt: skip
    assert shown == [normal(line) for line in EXPECTED.splitlines()]


def test_what_is_counted_is_there_before_it_happens() -> None:
    """Prometheus sees no increase in a series that begins with the first act: no board would show it."""
    text = scrape(Snapshot(pending={"jira": 0}))
    acts = values(text, "keysteward_actions_total")
    assert set(acts.values()) == {0}
    assert (("action", "deactivate"), ("outcome", "success")) in acts
    assert (("outcome", "dead"), ("sink", "jira")) in values(text, "keysteward_deliveries_total")
    assert values(text, "keysteward_audit_copies_total") == {}  # nothing is to be copied


def test_a_finding_is_one_series_whose_value_is_its_credentials_creation() -> None:
    created = (NOW - timedelta(days=101)).timestamp()
    labels = f'account_id="{PROD}",key="…WXYZ",kind="access_key",rule="default",state="final"'
    assert [normal(line) for line in lines(scrape(picture()), CREATED)] == [
        (f"{CREATED}{{{labels}}}", created)
    ]


def test_histograms_are_cumulative_and_keep_their_sum() -> None:
    text = scrape(picture(), busy())
    ages = values(text, "keysteward_credential_age_days_bucket")
    by_bound = {dict(labels)["le"]: number for labels, number in ages.items()}
    assert (by_bound["1.0"], by_bound["90.0"], by_bound["120.0"], by_bound["730.0"], by_bound["+Inf"]) == (
        1, 1, 2, 2, 3,
    )  # fmt: skip
    assert list(values(text, "keysteward_credential_age_days_sum").values()) == [891.5]
    assert values(text, "keysteward_scan_duration_seconds_sum") == {(): 71.0}
    assert values(text, "keysteward_scan_duration_seconds_bucket")[(("le", "60.0"),)] == 0
    assert values(text, "keysteward_scan_duration_seconds_bucket")[(("le", "120.0"),)] == 1


def test_the_user_is_a_label_only_when_asked_for() -> None:
    assert "ci-deploy" not in scrape(picture())
    assert 'user="ci-deploy"' in scrape(picture(), user_label=True)


def test_two_keys_with_the_same_tail_in_one_account_stay_two_series() -> None:
    text = scrape(Snapshot(findings=(finding(1), finding(2), finding(3, key_tail="…AAAA"))))
    keys = {dict(labels)["key"] for labels in values(text, CREATED)}
    assert keys == {"…WXYZ (KS-0000000001)", "…WXYZ (KS-0000000002)", "…AAAA"}


def test_the_same_tail_in_two_accounts_is_no_clash() -> None:
    text = scrape(Snapshot(findings=(finding(1), finding(2, account_id="999988887777"))))
    assert [dict(labels)["key"] for labels in values(text, CREATED)] == ["…WXYZ", "…WXYZ"]


def test_past_the_cap_the_youngest_are_dropped_and_counted() -> None:
    rows = tuple(finding(n, key_tail=f"…{n:04}") for n in range(MAX_FINDING_SERIES + 3))
    text = scrape(Snapshot(findings=rows))
    keys = {dict(labels)["key"] for labels in values(text, CREATED)}
    assert len(keys) == 5_000
    assert keys.isdisjoint({"…0000", "…0001", "…0002"})
    assert values(text, "keysteward_series_dropped") == {(): 3.0}


def test_the_oldest_that_are_ok_are_series_of_their_own_and_name_nobody() -> None:
    row = finding(user="ann@example.com", owner="ann@example.com", state="ok")
    text = scrape(replace(Snapshot(), oldest_ok=(row,)), user_label=True)
    [line] = lines(text, "keysteward_compliant_created_timestamp_seconds")
    labels = f'account_id="{PROD}",key="…WXYZ",kind="access_key",rule="default"'
    assert line.endswith(f"{{{labels}}} 1.7864496e+09")
    assert lines(text, CREATED) == []


def test_labels_are_escaped_and_read_back_as_they_were() -> None:
    odd = 'pro"d\\\nend'
    snapshot = replace(picture(), findings=(finding(rule=odd),))
    ((labels, _),) = values(scrape(snapshot), CREATED).items()
    assert dict(labels)["rule"] == odd


@settings(max_examples=30, deadline=None)
@given(KEY_IDS)
def test_no_full_key_id_gets_out_whatever_field_holds_it(key_id: str) -> None:
    text = scrape(picture(lambda word: f"{word} {key_id}"), user_label=True)
    assert key_id not in text
    assert not KEY_ID.search(text)
    assert f"…{key_id[-4:]}" in text


def test_a_failed_account_keeps_its_place_among_the_outcomes_before_any_scan() -> None:
    assert set(values(scrape(Snapshot()), "keysteward_accounts").values()) == {0.0}


def test_before_the_first_scan_nothing_is_said_of_one() -> None:
    text = scrape(Snapshot())
    assert values(text, "keysteward_scan_in_progress") == {(): 0.0}
    said = [line for line in text.splitlines() if "keysteward_scan_" in line and not line.startswith("#")]
    assert [line for line in said if "duration" not in line] == ["keysteward_scan_in_progress 0.0"]


def test_between_two_scans_the_last_ones_accounts_stay() -> None:
    over = sweep(
        under_way=False, done=10_000, calls_per_second=None, accounts_per_second=None, left_seconds=None
    )
    text = scrape(Snapshot(sweep=over))
    assert values(text, "keysteward_scan_in_progress") == {(): 0.0}
    assert values(text, "keysteward_scan_accounts")[("state", "waiting"),] == 0.0
    assert sum(values(text, "keysteward_scan_accounts").values()) == 10_000


def test_what_was_left_out_on_purpose_is_not_missing_from_the_coverage() -> None:
    some = {"success": 9, "failed": 1, "suspended": 5, "excluded": 5}
    text = scrape(Snapshot(accounts_by_outcome=some))
    assert values(text, "keysteward_scan_coverage_ratio") == {(): 0.9}


def test_a_series_that_is_no_longer_true_is_gone_at_the_next_scrape() -> None:
    pictures = iter([picture(), Snapshot()])
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(lambda: next(pictures), Counters()))
    assert CREATED + "{" in generate_latest(registry).decode()
    assert CREATED + "{" not in generate_latest(registry).decode()


def test_a_second_collector_of_the_same_names_is_refused() -> None:
    registry = build_registry(SnapshotCollector(Snapshot, Counters()))
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(SnapshotCollector(Snapshot, Counters()))
