"""Notices as they really read, of every kind: what templates are checked with, and previews made of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.model import (
    ACTIVE,
    Account,
    Caller,
    Credential,
    Do,
    Facts,
    Finding,
    LastUsed,
    Mode,
    Owner,
    Reason,
)
from app.plan import render
from app.plan.notice import Notice
from app.plan.summary import BETWEEN, Alert, RunSummary, SummaryRow
from app.policy.evaluate import Decision
from app.policy.rules import Age, Match, Rule, Stage
from app.sinks.interface import Message

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ACCOUNT = Account("111122223333", name="prod", email="aws-prod@example.com")
OWNER = Owner("jane@example.com", "tag owner")
CREDENTIAL = Credential(
    account_id=ACCOUNT.id,
    user="ci-deploy",
    id="AKIAIOSFODNN7EXAMPLE",  # the example of AWS's own documentation
    status=ACTIVE,
    created=NOW - timedelta(days=87),
    last_used=LastUsed("at", NOW - timedelta(hours=2), "s3", "eu-central-1"),
    observed_at=NOW,
    live=True,
    tags={"owner": OWNER.address},
    groups=("deployers",),
)
ADVICE = "It runs in CI: let the pipeline assume a role over OIDC, and no key is needed."


def callers(last: datetime) -> tuple[Caller, ...]:
    """Who used the key until ``last``."""
    before = last - timedelta(days=9)
    return (
        Caller("203.0.113.7", "Terraform/1.9", "s3", "eu-central-1", 1204, last),
        Caller("198.51.100.23", "aws-cli/2.15", "sts", "us-east-1", 1, before),
    )


def facts_of(credential: Credential) -> Facts:
    """What the ledger would hold of it."""
    return Facts(
        uid=credential.uid,
        account_id=credential.account_id,
        user=credential.user,
        key_id=credential.id or "",
        created=credential.created,
        first_seen=credential.created,
        status=credential.status,
        last_used=credential.last_used,
    )


def finding_of(account: Account, credential: Credential, owner: str, rule: str, stage: str) -> Finding:
    """A finding that has just been opened."""
    return replace(Finding.opened(account, credential, NOW), owner=owner, rule=rule, stage=stage)


_FINAL = Stage("final", Age(timedelta(days=87)), ("slack", "jira"))
_RULE = Rule("default", Match(), (_FINAL,))
_WHY = Reason("stage", "Rule 'default', stage 'final' (age 87 days): created 87 days ago, last used 2 h ago")
_DECISION = Decision("final", _WHY, Mode.ENFORCE, _RULE, _FINAL, NOW, (OWNER,))
_FINDING = finding_of(ACCOUNT, CREDENTIAL, OWNER.address, "default", "final")


def _warned(coming: render.Coming | None) -> Notice:
    return render.warning(ACCOUNT, CREDENTIAL, _FINDING, _DECISION, _FINAL, 1, coming, NOW)


def _done(do: Do, coming: render.Coming | None) -> Notice:
    stage = Stage(do.value, Age(timedelta(days=90)), ("slack", "jira"), do=do)
    return render.done(ACCOUNT, CREDENTIAL, _FINDING, _DECISION, stage, coming, NOW)


def notices() -> Mapping[str, Notice]:
    """One of every kind, by what it is."""
    soon = render.Coming(Do.DEACTIVATE, NOW + timedelta(days=7))
    warned = _warned(soon)
    until = NOW + timedelta(days=14)
    return {
        "a warning with a date": warned,
        "a warning that names no date": _warned(None),
        "a warning with callers and advice": replace(warned, callers=callers(NOW), advice=ADVICE),
        "a warning before a deletion": _warned(render.Coming(Do.DELETE, NOW + timedelta(days=30))),
        "a warning without an owner, with a ticket": replace(
            warned, owner="", owner_how="nobody is named", ticket="SEC-123", refs={"key": "SEC-123"}
        ),
        "a deactivation": _done(Do.DEACTIVATE, render.Coming(Do.DELETE, NOW + timedelta(days=30))),
        "a deletion": _done(Do.DELETE, None),
        "the end of an exemption": render.exemption_ends(
            ACCOUNT, CREDENTIAL, _FINDING, _DECISION, until, NOW
        ),
        "a resolution": render.resolved(_FINDING, facts_of(CREDENTIAL), "the key is Inactive", NOW),
        "a resolution of a key that nothing is known of": render.resolved(
            _FINDING, None, "the key is gone", NOW
        ),
    }


def messages() -> Mapping[str, Message]:
    """Each notice alone, and what only messages can be: a digest, a fallback's."""
    every = notices()
    alone = {label: _message(notice) for label, notice in every.items()}
    digest = _message(*every.values())
    return {
        **alone,
        "a digest": digest,
        "a message to the fallback": replace(alone["a warning with a date"], is_fallback=True),
        "a digest to the fallback": replace(digest, recipient="#iam-keys", is_fallback=True),
    }


def _message(*some: Notice) -> Message:
    return Message("sample", OWNER.address, some, NOW)


def summaries() -> Mapping[str, RunSummary]:
    """A busy run, one in which nothing happened, and what is told between two."""
    quiet = RunSummary(NOW, "1.0.0", "enforce", "success", accounts={"success": 12})
    busy = replace(
        quiet,
        outcome="partial",
        accounts={"success": 11, "failed": 1},
        delivered={"slack": 5, "jira": 2},
        rows=tuple(_rows()),
        alerts=tuple(_alerts()),
        failures=("account legacy (444455556666): access denied",),
        warnings=("jira: SEC-123 was closed by hand",),
        news=True,
    )
    refused = Alert("config", "The config could not be reloaded. config.yaml:3: mode: is wrong")
    between = RunSummary(NOW, "1.0.0", "enforce", BETWEEN, news=True, alerts=(refused,))
    return {"a busy run": busy, "a run without news": quiet, "an alert between two runs": between}


def _rows() -> Iterator[SummaryRow]:
    row = SummaryRow(
        what="warned",
        finding_id=_FINDING.id,
        account_id=ACCOUNT.id,
        account=ACCOUNT.label,
        user=CREDENTIAL.user,
        key_tail=CREDENTIAL.masked,
        why=_WHY.text,
        owner=OWNER.address,
        stage="final",
        at=NOW + timedelta(days=7),
    )
    yield row
    yield replace(row, what="deactivated", stage="deactivate", at=NOW)
    yield replace(row, what="deleted", stage="delete", at=NOW)
    yield replace(row, what="resolved", stage="", why="the key is gone", at=None)
    yield replace(row, what="held", guard="freeze", why="nothing is done until Mon 08:00")


def _alerts() -> Iterator[Alert]:
    held = tuple(row for row in _rows() if row.what == "held")
    rows = tuple(replace(row, guard="brake", why="rule 'default'") for row in held)
    yield Alert("approval", "The brake holds 1 destructive act.", "3f2a91c04d5e", rows)
    yield Alert("held_long", "1 destructive act has been held by freeze for over 7 days.", "", held)
    yield Alert(
        "outage", "jira does not answer: it rests until 09:31 UTC after 5 failures in a row: HTTP 503."
    )
    yield Alert("config", "The config could not be reloaded. config.yaml:3: mode: should be notify.")
