"""Priorities, days, and fields of the config: what is set, and what happens to what Jira won't take."""

from typing import Any

import pytest

from app.errors import Permanent, Transient
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.sink import JiraSink
from tests.fakes import http
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE, NOW, a_message, a_notice
from tests.unit.sinks.jira.bench import LABEL, a_sink

PRIORITY = {"ticket": "Medium", "final": "High", "deactivate": "Highest"}


# --- priority ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "by_hand", "expected"),
    [
        (["final"], None, "High"),
        (["warn"], None, None),
        (["warn", "final"], None, "High"),
        (["ticket", "final", "deactivate"], None, "Highest"),
        (["final", "ticket"], None, "High"),
        (["final", "ticket-closed"], None, "High"),
        (["final", "deactivate"], "Low", "Low"),
        (["ticket", "final"], "Highest", "Highest"),
        (["warn", "ticket"], "Highest", "Highest"),
    ],
)
def test_the_priority_rises_with_the_stages_and_never_falls(
    jira: FakeJira, stages: list[str], by_hand: str | None, expected: str | None
) -> None:
    sink = a_sink(jira, priority=PRIORITY)
    refs: dict[str, str] = {}
    for number, stage in enumerate(stages):
        if number and by_hand:
            jira.tickets["SEC-1"].fields["priority"] = {"name": by_hand}
        refs = dict(sink.send(a_message(a_notice(stage=stage, refs=refs))).refs)
    set_to = jira.tickets["SEC-1"].fields.get("priority")
    assert set_to == ({"name": expected} if expected else None)


def test_an_unknown_priority_is_left_out_and_said(jira: FakeJira) -> None:
    receipt = a_sink(jira, priority={"final": "Urgent!"}).send(a_message())
    [remark] = receipt.remarks
    assert "priority" not in jira.tickets["SEC-1"].fields
    assert remark.startswith("Jira does not take field priority: The priority selected is invalid")
    assert remark.endswith("add it to the create screen or mend sinks.jira.priority")


# --- fields of the config ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("{{ notice.account_id }}", "111122223333"),
        ("plain", "plain"),
        (7, 7),
        (None, None),
        (True, True),
        ({"value": "{{ notice.account }}"}, {"value": "prod"}),
        ([{"name": "{{ notice.stage }}"}, "x"], [{"name": "final"}, "x"]),
        (
            {"value": "a", "child": {"value": "{{ notice.user }}"}},
            {"value": "a", "child": {"value": "ci-deploy"}},
        ),
        ("{{ notices | length }} {{ notice.act_at | day }}", "1 Fri 27 Nov 2026"),
    ],
)
def test_fields_of_the_config_are_filled_in(jira: FakeJira, given: Any, sent: Any) -> None:
    jira.custom["customfield_10010"] = "any"
    receipt = a_sink(jira, fields={"customfield_10010": given}).send(a_message())
    assert jira.tickets["SEC-1"].fields["customfield_10010"] == sent
    assert receipt.remarks == ()


def test_an_area_of_text_gets_a_document_on_cloud_and_text_elsewhere(jira: FakeJira) -> None:
    jira.custom["customfield_10020"] = "textarea"
    sink = a_sink(jira, fields={"customfield_10020": "Look at {{ notice.user }}"})
    for name in "AB":
        assert sink.send(a_message(a_notice(finding_id=f"KS-{name}"))).remarks == ()
    value = jira.tickets["SEC-2"].fields["customfield_10020"]
    assert (isinstance(value, dict), "Look at ci-deploy" in str(value)) == (jira.deployment == "Cloud", True)
    assert len(jira.calls("create")) == 2 + (jira.deployment == "Cloud")  # learnt once


def test_a_field_that_jira_does_not_take_is_left_out_and_said(jira: FakeJira, jane: str) -> None:
    jira.custom |= {"customfield_1": "any", "customfield_2": "text"}
    jira.screenless = {"customfield_1", "duedate"}
    fields = {"customfield_1": "a", "customfield_2": {"not": "text"}, "customfield_3": "c", "components": []}
    receipt = a_sink(jira, fields=fields).send(a_message())
    ticket = jira.tickets["SEC-1"]
    assert "components" in ticket.fields
    assert not fields.keys() - {"components"} & ticket.fields.keys()
    assert receipt.counts
    assert sorted(remark.split(": ")[0].rsplit(" ", 1)[1] for remark in receipt.remarks) == [
        "customfield_1",
        "customfield_2",
        "customfield_3",
        "duedate",
    ]
    assert (
        "Jira does not take field customfield_1: Field 'customfield_1' cannot be set. It is not on the "
        "appropriate screen, or unknown; add it to the create screen or remove it from sinks.jira.fields"
    ) in receipt.remarks


def test_a_field_that_jira_wants_and_the_config_lacks_can_be_mended(jira: FakeJira) -> None:
    jira.required = {"customfield_7": "Team is required."}
    with pytest.raises(Transient, match=r"customfield_7: Team is required.; set it in sinks\.jira\.fields"):
        a_sink(jira).send(a_message())


def test_a_template_that_fails_at_night_leaves_its_field_out(jira: FakeJira) -> None:
    receipt = a_sink(jira, fields={"components": "{{ notice.nonsense }}"}).send(a_message())
    assert "components" not in jira.tickets["SEC-1"].fields
    [remark] = receipt.remarks
    assert remark.startswith("sinks.jira.fields.components is left out: its template failed (UndefinedError")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"fields": {"labels": ["x"]}}, '"labels" can.t be set here: use the option labels'),
        ({"fields": {"project": {"key": "X"}}}, '"project" can.t be set here: use the option project'),
        ({"fields": {"Priority": {}}}, '"Priority" can.t be set here: use the option priority'),
        ({"fields": {"issuetype": {}}}, "use the option issue_type"),
        ({"fields": {"customfield_1": ["{{ notice."]}}, "customfield_1: not a template"),
        ({"fields": {"customfield_1": {"a": "{% if %}"}}}, "customfield_1: not a template"),
        ({"labels": ["two words"]}, "a label of Jira's holds no spaces"),
        ({"server": "https://api.atlassian.com/ex/jira/1"}, "site_url: needed for links"),
        ({"group_by": "team"}, "Input should be 'finding', 'owner' or 'account'"),
        ({"when_closed": "ignore"}, "Input should be 'reopen' or 'comment'"),
    ],
)
def test_a_wrong_option_is_refused_with_the_one_to_use(options: dict[str, Any], fault: str) -> None:
    given = {"type": "jira", "server": "https://example.atlassian.net", "project": "SEC", **options}
    with pytest.raises(ValueError, match=fault):
        JiraSettings.model_validate(given)


# --- changing a ticket ---------------------------------------------------------------------------


def test_what_can_not_be_edited_does_not_hold_back_what_can(jira: FakeJira, jane: str) -> None:
    jira.open("keysteward", LABEL)
    jira.screenless = {"duedate"}
    receipt = a_sink(jira).send(a_message())
    ticket = jira.tickets["SEC-1"]
    assert (ticket.assignee, len(ticket.comments)) == (jane, 1)
    assert "add it to the edit screen" in receipt.remarks[0]


def test_a_ticket_that_may_not_be_edited_is_commented(jira: FakeJira) -> None:
    jira.open("keysteward", LABEL)
    jira.fail("update", http.status(403, {}))
    receipt = a_sink(jira).send(a_message())
    assert len(jira.tickets["SEC-1"].comments) == 1
    assert 'the permission "Edit Issues" in SEC' in receipt.remarks[0]


def test_labels_that_somebody_removed_are_put_back(jira: FakeJira) -> None:
    sink = a_sink(jira)
    refs = sink.send(a_message()).refs
    jira.tickets["SEC-1"].fields["labels"] = ["theirs"]
    sink.send(a_message(a_notice(refs=refs, occurrence=2)))
    assert jira.tickets["SEC-1"].labels == ["theirs", "keysteward", LABEL]


@pytest.mark.parametrize(
    ("operation", "permission"),
    [("create", "Create Issues"), ("comment", "Add Comments"), ("transition", "Transition Issues")],
)
def test_a_missing_permission_is_named(jira: FakeJira, operation: str, permission: str) -> None:
    sink = a_sink(jira)
    refs = {} if operation == "create" else sink.send(a_message()).refs
    jira.fail(operation, http.status(403, {}))
    with pytest.raises(Transient, match=f'HTTP 403; check .* the permission "{permission}" in SEC'):
        if operation == "transition":
            sink.resolve(a_notice(refs=refs), NOW)
        else:
            sink.send(a_message(a_notice(refs=refs, occurrence=2)))


def test_a_refused_ticket_does_not_touch_the_others(jira: FakeJira, sink: JiraSink) -> None:
    jira.fail("create", http.status(400, {"errorMessages": [], "errors": {"summary": "is odd"}}))
    with pytest.raises(Permanent, match="summary: is odd"):
        sink.send(a_message())
    assert sink.send(a_message(a_notice(finding_id="KS-OTHER"))).refs["key"] == "SEC-1"


def test_links_lead_to_the_site_where_the_api_is_elsewhere(jira: FakeJira) -> None:
    receipt = a_sink(jira, site_url="https://example.atlassian.net/").send(a_message())
    assert receipt.refs["url"] == "https://example.atlassian.net/browse/SEC-1"


def test_nobody_is_told_by_a_ticket_without_an_assignee(jira: FakeJira) -> None:
    assert a_sink(jira).send(a_message(recipient=JANE)).counts is False


@pytest.mark.parametrize(
    ("server", "known"),
    [
        ("https://example.atlassian.net", True),
        ("https://api.atlassian.com/ex/jira/1", True),
        ("https://jira.example.com", False),
        ("https://example.atlassian.net.evil.example", False),
    ],
)
def test_atlassians_own_hosts_need_not_be_asked_what_they_are(server: str, known: bool) -> None:
    given = {"type": "jira", "server": server, "project": "SEC", "site_url": "https://example.atlassian.net"}
    assert JiraSettings.model_validate(given).is_atlassians_host is known
