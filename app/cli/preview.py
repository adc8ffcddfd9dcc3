"""``keysteward preview``: what the owner would get from a sink at a stage. Nothing is sent."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import BaseModel, ValidationError

from app.cli import opening, show
from app.cli.case import Case, known, made_up, with_tickets
from app.cli.options import config_option
from app.config.lint import did_you_mean
from app.config.load import find_config, load_config
from app.config.schema import Config
from app.model import Mode
from app.plan.conceal import conceal
from app.policy.rules import Policy, Rule, Stage
from app.sinks.interface import Message
from app.sinks.preview.table import Shown, view_of
from app.sinks.registry import names, sink_type
from app.sinks.texts import Texts

# What a type of sink can't do without, when the config has no sink of that name.
_MADE_UP = {
    "server": "https://example.atlassian.net",
    "project": "SEC",
    "from": "keys@example.com",
    "url": "https://hooks.example.com/keysteward",
    "topic_arn": "arn:aws:sns:eu-central-1:111122223333:keysteward",
}


@click.command()
@click.option("--sink", required=True, help="A sink of the config, or a type of sink: slack, jira, email …")
@click.option("--stage", help="A stage of the ladder, such as final.")
@click.option("--rule", help="Whose ladder [default: the first that has the stage].")
@click.option(
    "--kind",
    type=click.Choice(["stage", "exemption", "resolved"]),
    default="stage",
    show_default=True,
    help="What a stage tells, that an exemption ends soon, or that a key is resolved.",
)
@click.option("--key", help="A key that the ledger knows, as in explain [default: a made-up one].")
@click.option("--html", metavar="FILE", help="Write a page instead; - is the standard output.")
@config_option
def preview(
    sink: str,
    stage: str | None,
    rule: str | None,
    kind: str,
    key: str | None,
    html: str | None,
    config_path: Path | None,
) -> int:
    """What an owner would get from a sink at a stage. Sends nothing, needs no secrets, asks no AWS."""
    if kind == "stage" and stage is None:
        raise click.UsageError("--stage is missing: what is told at which stage?")
    config = _config(config_path, key)
    settings, rung = _settings(config, sink), _rung(config.policy(), stage, rule)
    if kind == "resolved" and not _keeps_tickets(config, sink):
        raise click.UsageError(f"{sink} keeps no tickets: it says nothing when a key is resolved")
    case = _case(config, rung, key, sink, kind)
    for note in _notes(config, case, sink, kind):
        show.warn(f"note: {note}")
    _print(_shown(config, settings, case, sink, kind), html)
    return 0


def _config(config_path: Path | None, key: str | None) -> Config:
    """References to secrets stay references, unless the ledger that is needed is one."""
    path = find_config(config_path, os.environ, Path.cwd())
    config = load_config(path, os.environ, now=datetime.now(UTC))
    return opening.load(config_path) if key and config.ledger_url.startswith("secretsmanager:") else config


def _settings(config: Config, name: str) -> BaseModel:
    if name in config.sinks:
        return config.sinks[name]
    if name not in names():
        known = list(dict.fromkeys([*config.sinks, *names()]))
        hint = did_you_mean(name, known) or f": there are {', '.join(known)}"
        raise click.UsageError(f"--sink: no sink and no type of sink is named {name!r}{hint}")
    model = sink_type(name).settings
    known_options = {field.alias or option for option, field in model.model_fields.items()}
    try:
        return model.model_validate(
            {"type": name} | {k: v for k, v in _MADE_UP.items() if k in known_options}
        )
    except ValidationError:
        raise click.UsageError(f"--sink: the config has no sink {name!r}, and it has no defaults") from None


def _keeps_tickets(config: Config, sink: str) -> bool:
    settings = _settings(config, sink)
    return view_of(settings).tickets(settings)


def _rung(policy: Policy, stage: str | None, rule: str | None) -> tuple[Rule, Stage]:
    """The first ladder that has the stage; without one, the first rung of all."""
    ladders = _ladders(policy, rule)
    found = ((ladder, rung) for ladder in ladders for rung in ladder.stages if stage in (None, rung.name))
    chosen = next(found, None)
    if chosen is None:
        told = "; ".join(
            f"{ladder.name} has {', '.join(s.name for s in ladder.stages)}" for ladder in ladders
        )
        raise click.UsageError(f"--stage: no stage is named {stage!r}: {told or 'no rule has stages'}")
    return chosen


def _ladders(policy: Policy, rule: str | None) -> list[Rule]:
    ladders = {ladder.name: ladder for ladder in policy.rules if ladder.stages}
    if rule is None:
        return list(ladders.values())
    if rule not in ladders:
        hint = did_you_mean(rule, ladders) or f": there are {', '.join(ladders) or 'none'}"
        raise click.UsageError(f"--rule: no ladder is named {rule!r}{hint}")
    return [ladders[rule]]


def _case(config: Config, rung: tuple[Rule, Stage], key: str | None, sink: str, kind: str) -> Case:
    rule, stage = rung
    dated = Mode.lowest(config.mode, rule.mode) is not Mode.NOTIFY
    if key:
        service = opening.to_look(config)
        return known(config.policy(), rule, stage, service.ledger, key, service.clock.now(), dated)
    case = made_up(config.policy(), rule, stage, datetime.now(UTC), dated)
    earlier = rule.stages if kind == "resolved" else rule.stages[: rule.stages.index(stage)]
    told = {name for one in earlier for name in one.notify}
    # A sink that the config doesn't have stands for one that every stage tells.
    late = kind == "resolved" or (sink not in config.sinks and stage.do is not None)
    names = told | ({sink} if late else set())
    return with_tickets(case, [name for name in names if _keeps_tickets(config, name)])


def _notes(config: Config, case: Case, sink: str, kind: str) -> Iterator[str]:
    """What would keep this message from being sent."""
    rule, stage = case.rung.rule, case.rung.stage
    mode = Mode.lowest(config.mode, rule.mode)
    if mode is Mode.OBSERVE:
        yield "mode is observe, so nothing is sent: this is what enforce would send"
    if mode is Mode.NOTIFY and stage.do:
        yield f"mode is notify, so it would not {stage.do.value}: this is what enforce would send"
    if kind == "stage" and sink in config.sinks and sink not in stage.notify:
        yield f"the stage {stage.name!r} of rule {rule.name!r} doesn't tell {sink!r}"
    if kind == "exemption" and _keeps_tickets(config, sink):
        yield f"only chats and mail are told that an exemption ends: {sink!r} is not"


def _shown(config: Config, settings: BaseModel, case: Case, sink: str, kind: str) -> Shown:
    notice = conceal(case.notice(kind), config.shown_characters)
    notice = replace(notice, refs=case.rung.finding.refs.get(sink, {}))
    recipient = notice.owner or getattr(settings, "channel", None) or "nobody"
    message = Message("preview", recipient, (notice,), case.now)
    return Shown(message, settings, Texts(config.templates))


def _print(shown: Shown, html: str | None) -> None:
    view = view_of(shown.settings)
    if html is None:
        console = show.console()
        with console.capture() as drawn:
            drawing = view.terminal(shown)
            console.print(drawing, markup=False, soft_wrap=isinstance(drawing, str))  # JSON stays JSON
        show.echo(drawn.get().rstrip("\n"))
    elif html == "-":
        show.echo(view.html(shown).rstrip("\n"))
    else:
        show.to_file(Path(html), view.html(shown))
