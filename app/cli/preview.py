"""``keysteward preview``: what the owner would get from a sink at a stage. Nothing is sent."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click
from pydantic import BaseModel, ValidationError

from app.bootstrap import open_for_looking
from app.cli import show
from app.cli.options import config_option, load
from app.config.lint import did_you_mean
from app.config.load import find_config, load_config
from app.config.schema import Config
from app.ledger.interface import Ledger, LedgerView
from app.model import Account, Caller, Credential, Delivery, Facts, Mode, Owner
from app.plan import example, render
from app.plan.context import Subject
from app.plan.notice import Notice
from app.policy.rules import OwnerByTag, Policy, Rule, Stage
from app.service.lookup import find_one
from app.sinks import samples
from app.sinks.interface import Message
from app.sinks.preview.table import Shown, view_of
from app.sinks.registry import SINKS
from app.sinks.texts import Texts

PreviewKind = Literal["stage", "exemption", "resolved"]
_TICKET = "SEC-123"
# What a type of sink can't do without, when the config has no sink of that name.
_MADE_UP = {
    "server": "https://example.atlassian.net",
    "project": "SEC",
    "from": "keys@example.com",
    "url": "https://hooks.example.com/keysteward",
    "topic_arn": "arn:aws:sns:eu-central-1:111122223333:keysteward",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """The notice to show, and what is known of its key's use."""

    rung: example.Rung
    now: datetime
    callers: tuple[Caller, ...] = ()
    advice: str = ""
    facts: Facts | None = None


@click.command()
@click.option("--sink", required=True, help="A sink of the config, or a type of sink: slack, jira, email …")
@click.option("--stage", help="A stage of the ladder.")
@click.option("--rule", "rule_name", help="Whose ladder [default: the first that has the stage].")
@click.option(
    "--kind",
    type=click.Choice(["stage", "exemption", "resolved"]),
    default="stage",
    show_default=True,
    help="What a stage tells, the end of an exemption, or a key that is resolved.",
)
@click.option("--key", help="A key that the ledger knows, as in explain [default: a made-up one].")
@click.option("--html", metavar="FILE", help="Write a page instead; - is the standard output.")
@config_option
def preview(
    sink: str,
    stage: str | None,
    rule_name: str | None,
    kind: PreviewKind,
    key: str | None,
    html: str | None,
    config_path: Path | None,
) -> int:
    """What an owner would get from a sink at a stage. Sends nothing, needs no secrets, asks no AWS."""
    if kind == "stage" and stage is None:
        raise click.UsageError("--stage is missing: what is told at which stage?")
    config = load(config_path) if key else _offline(config_path)
    settings = _settings(config, sink)
    rule, rung = _rung(config.policy(), stage, rule_name)
    case = _known(config, key, rule, rung) if key else _made_up(config, rule, rung)
    if kind == "resolved" and not _keeps_tickets(config, sink):
        raise click.UsageError(f"{sink} keeps no tickets: it says nothing when a key is resolved")
    case = case if key else _with_tickets(case, config, sink, kind)
    notice = replace(_notice(case, kind), refs=case.rung.finding.refs.get(sink, {}))
    for note in _notes(config, case.rung, sink, kind):
        show.warn(f"note: {note}")
    recipient = notice.owner or getattr(settings, "channel", None) or "nobody"
    message = Message("preview", recipient, (notice,), case.now)
    _print(Shown(message, settings, Texts(config.templates)), html)
    return 0


def _offline(config_path: Path | None) -> Config:
    """References to secrets stay references: nothing here needs them."""
    path = find_config(config_path, os.environ, Path.cwd())
    return load_config(path, os.environ, now=datetime.now(UTC))


# --- which sink, which rung ------------------------------------------------------------------------


def _settings(config: Config, name: str) -> BaseModel:
    if name in config.sinks:
        return config.sinks[name]
    names = [*config.sinks, *SINKS]
    hint = did_you_mean(name, names) or f": there are {', '.join(dict.fromkeys(names))}"
    if name not in SINKS:
        raise click.UsageError(f"--sink: no sink and no type of sink is named {name!r}{hint}")
    model = SINKS[name].settings
    known = {field.alias or option for option, field in model.model_fields.items()}
    try:
        return model.model_validate({"type": name} | {k: v for k, v in _MADE_UP.items() if k in known})
    except ValidationError:
        raise click.UsageError(f"--sink: the config has no sink {name!r}, and it has no defaults") from None


def _rung(policy: Policy, stage: str | None, rule_name: str | None) -> tuple[Rule, Stage]:
    """The first ladder that has the stage; without one, the first rung of all."""
    ladders = [rule for rule in policy.rules if rule.stages and rule_name in (None, rule.name)]
    if not ladders:
        names = [rule.name for rule in policy.rules if rule.stages]
        hint = did_you_mean(rule_name or "", names) or f": there are {', '.join(names) or 'none'}"
        raise click.UsageError(f"--rule: no ladder is named {rule_name!r}{hint}")
    found = ((rule, rung) for rule in ladders for rung in rule.stages if stage in (None, rung.name))
    chosen = next(found, None)
    if chosen is None:
        told = "; ".join(f"{rule.name} has {', '.join(s.name for s in rule.stages)}" for rule in ladders)
        raise click.UsageError(f"--stage: no stage is named {stage!r}: {told}")
    return chosen


def _dated(config: Config, rule: Rule) -> bool:
    """In `notify` no date is named; in `observe` nothing is sent, so it is shown as `enforce` would."""
    return Mode.lowest(config.mode, rule.mode) is not Mode.NOTIFY


# --- a made-up key, or one of the ledger -----------------------------------------------------------


def _made_up(config: Config, rule: Rule, stage: Stage) -> _Case:
    now, policy = datetime.now(UTC), config.policy()
    tags = {source.key: samples.OWNER.address for source in policy.owners if isinstance(source, OwnerByTag)}
    subject = Subject(samples.ACCOUNT, replace(samples.CREDENTIAL, tags=tags))
    subject = example.made_due(stage, subject, now)
    credential = subject.credential
    finding = samples.finding_of(samples.ACCOUNT, credential, samples.OWNER.address, rule.name, stage.name)
    rung = example.Rung(policy, rule, stage, subject, finding, dated=_dated(config, rule))
    callers = samples.callers(credential.last_used.at or now)
    return _Case(rung, now, callers, samples.ADVICE, samples.facts_of(credential))


def _with_tickets(case: _Case, config: Config, sink: str, kind: PreviewKind) -> _Case:
    """A made-up finding gets the tickets that it would have by then."""
    rule, stage = case.rung.rule, case.rung.stage
    earlier = rule.stages if kind == "resolved" else rule.stages[: rule.stages.index(stage)]
    told = {name for rung in earlier for name in rung.notify}
    late = kind == "resolved" or (sink not in config.sinks and stage.do is not None)
    names = told | ({sink} if late else set())
    refs = {name: {"key": _TICKET} for name in names if _keeps_tickets(config, name)}
    return replace(case, rung=replace(case.rung, finding=replace(case.rung.finding, refs=refs)))


def _keeps_tickets(config: Config, sink: str) -> bool:
    settings: Any = _settings(config, sink)
    return view_of(settings).tickets(settings)


def _known(config: Config, key: str, rule: Rule, stage: Stage) -> _Case:
    """By the ledger's facts. Raises `NotFound` or `AmbiguousKey`."""
    service = open_for_looking(config, None)
    view = service.ledger.view()
    facts = find_one(view, key)
    subject, now = example.due_from(stage, _subject(view, facts), service.clock.now())
    finding = view.findings.get(facts.uid) or samples.finding_of(
        subject.account, subject.credential, "", rule.name, stage.name
    )
    sent = _deliveries(service.ledger, finding.id)
    last: Mapping[str, Any] = sent[-1].payload if sent else {}
    owner = Owner(finding.owner, last.get("owner_how") or "the ledger") if finding.owner else None
    told = tuple(row for row in sent if row.episode == finding.episode)
    rung = example.Rung(
        config.policy(), rule, stage, subject, finding, owner, told, dated=_dated(config, rule)
    )
    callers = tuple(map(Caller.from_json, last.get("callers", ())))
    return _Case(rung, now, callers, last.get("advice", ""), facts)


def _deliveries(ledger: Ledger, finding_id: str) -> list[Delivery]:
    rows: Iterable[Delivery] = ledger.deliveries_of(finding_id)
    return sorted((row for row in rows if row.payload), key=lambda row: row.created_at)


def _subject(view: LedgerView, facts: Facts) -> Subject:
    state = view.accounts.get(facts.account_id)
    credential = Credential(
        account_id=facts.account_id,
        user=facts.user,
        id=facts.key_id,
        status=facts.status,
        created=facts.created,
        last_used=facts.last_used,
        observed_at=facts.first_seen,
        live=True,
    )
    account = Account(facts.account_id, name=state.account if state else "")
    return Subject(account, credential, facts.inactive_since)


# --- what it says ----------------------------------------------------------------------------------


def _notice(case: _Case, kind: PreviewKind) -> Notice:
    rung, now = case.rung, case.now
    if kind == "resolved":
        return render.resolved(rung.finding, case.facts, "the key is gone", now)
    notice = example.exemption_at(rung, now) if kind == "exemption" else example.notice_at(rung, now)
    return replace(notice, callers=case.callers, advice=case.advice)


def _notes(config: Config, rung: example.Rung, sink: str, kind: PreviewKind) -> Iterator[str]:
    mode = Mode.lowest(config.mode, rung.rule.mode)
    if mode is Mode.OBSERVE:
        yield "mode is observe, so nothing is sent: this is what enforce would send"
    if mode is Mode.NOTIFY and rung.stage.do:
        yield f"mode is notify, so nothing is {rung.stage.do.value}d: this is what enforce would send"
    if kind == "stage" and sink in config.sinks and sink not in rung.stage.notify:
        yield f"the stage {rung.stage.name!r} of rule {rung.rule.name!r} doesn't tell {sink!r}"


def _print(shown: Shown, html: str | None) -> None:
    view = view_of(shown.settings)
    if html is None:
        console = show.console()
        with console.capture() as drawn:
            console.print(view.terminal(shown), markup=False)
        show.echo(drawn.get().rstrip("\n"))
    elif html == "-":
        show.echo(view.html(shown).rstrip("\n"))
    else:
        show.to_file(Path(html), view.html(shown))


COMMANDS = (preview,)
