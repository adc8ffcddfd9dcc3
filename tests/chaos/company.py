"""The small company of a round: accounts, people, keys, the policy, and how it all ends by itself."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from app.model import Finding
from tests.chaos.clock import START, SlackTime, TimeMachine, real
from tests.chaos.witness import FACTS
from tests.fakes import jira as jira_module
from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import TOKEN, FakeSlack
from tests.fakes.stage import JIRA_TOKEN, OPEN_GUARDS

PROD, LABS, SHOP = "111111111111", "222222222222", "333333333333"
DARK = LABS  # the account that outages befall
HUB_KEY = "AKIAHUBHUBHUBHUBHUBH"
CHANNEL = "#iam-keys"
OVER, GAP, QUIET = timedelta(days=7), timedelta(days=3.5), timedelta(days=8)
LADDER: list[dict[str, Any]] = [
    {"name": "ticket", "when": {"age": "80d"}, "notify": ["slack", "jira"]},
    {"name": "final", "when": {"age": "87d"}, "notify": ["slack"], "repeat": "1d"},
    {
        "name": "deactivate",
        "when": {"any": [{"age": "90d"}, {"unused": "45d"}]},
        "do": "deactivate",
        "notify": ["slack", "jira"],
    },
    {"name": "delete", "when": {"inactive": "8d"}, "do": "delete", "notify": ["slack", "jira"]},
]
BRAKE = {"brake": {"deactivations": 1, "share": "100%"}}
SEALED = {"name": "sealed", "match": {"tags": {"sealed": ["yes"]}}, "exempt": {"reason": "break-glass"}}
JIRA_BODY = (
    "{% for each in notices %}{% with notice = each %}{% include 'facts.j2' %}{% endwith %}\n\n{% endfor %}"
)
TEMPLATES = {"facts.j2": FACTS, "jira_description.j2": JIRA_BODY, "jira_comment.j2": JIRA_BODY}


@dataclass
class Person:
    """A user with one key. ``age`` in days on the first day; ``idle``: never used."""

    name: str
    account: str
    age: float
    idle: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def finding(self) -> str:
        return Finding.id_for(f"{self.account}/{self.key}")


def _people() -> list[Person]:
    found = [
        Person("ann", PROD, 300),
        Person("bob", PROD, 60, idle=True),
        Person("carol", PROD, 86),
        Person("dave", PROD, 400, tags={"sealed": "yes"}),
        Person("erin", PROD, 200),  # rotates her key one day
        Person("frank", PROD, 120, tags={"owner": "gone@example.com"}),  # whom Slack doesn't know
        Person("keysteward", PROD, 900, key=HUB_KEY),  # the service's own
        Person("gina", LABS, 300),
        Person("hugo", LABS, 79),
        Person("jan", LABS, 150),  # deletes his key one day
        Person("ivan", SHOP, 300),  # where nothing is ever done, only told
    ]
    for number, person in enumerate(found):
        person.key = person.key or f"AKIACHAOS{number:011d}"
        person.tags.setdefault("owner", f"{person.name}@example.com")
    return found


PEOPLE = {person.name: person for person in _people()}
BY_FINDING = {person.finding: person for person in PEOPLE.values()}
BY_KEY = {person.key: person for person in PEOPLE.values()}
NEWCOMER = Person("erin's new key", PROD, -5)  # after some eighty days it comes onto the ladder, too
ROTATES_ON = {"erin": 5.0, "jan": 8.0}  # days
NEVER_ACTED_ON = frozenset({"dave", "keysteward", "ivan"})
DELETED = frozenset({"ann", "bob", "carol", "frank", "gina", "hugo"})  # in the end, by the ladder


def fleet() -> list[FakeAccount]:
    accounts = [
        FakeAccount(PROD, name="prod"),
        FakeAccount(LABS, name="labs"),
        FakeAccount(SHOP, name="shop"),
    ]
    for person in PEOPLE.values():
        created = START - timedelta(days=person.age)
        key = FakeKey(person.key, created, last_used=None if person.idle else START - timedelta(hours=3))
        account = next(account for account in accounts if account.id == person.account)
        account.users.append(FakeUser(person.name, [key], tags=dict(person.tags)))
    return accounts


def open_fakes(machine: TimeMachine) -> tuple[FakeAws, FakeSlack, FakeJira]:
    """With everybody in them. Their own ports are never used."""
    slack, jira = FakeSlack(clock=SlackTime(machine)), FakeJira()
    slack.add_channel(CHANNEL)
    for person in PEOPLE.values():
        address = person.tags["owner"]
        if not address.startswith("gone"):
            slack.add_user(address)
            jira.add_user(address)
    return FakeAws(fleet(), clock=machine.now), slack, jira


def rotate(aws: FakeAws, name: str, created: Any) -> None:
    """The old key goes; erin has a new one."""
    person = PEOPLE[name]
    with aws.lock:
        user = aws.accounts[person.account].user(name)
        user.keys = [key for key in user.keys if key.id != person.key]
        if name == "erin":
            user.keys.append(FakeKey("AKIACHAOSNEWNEWNEWNE", created))


def key_of(aws: FakeAws, name: str) -> FakeKey | None:
    person = PEOPLE[name]
    with aws.lock:
        keys = aws.accounts[person.account].user(name).keys
        return next((key for key in keys if key.id == person.key), None)


def write_config(
    folder: Path, name: str, mode: str, ledger: str, urls: dict[str, str], braked: bool
) -> tuple[str, dict[str, str]]:
    """One replica's config, and its environment. ``braked``: several acts at once need an approval."""
    templates = folder / "templates"
    templates.mkdir(exist_ok=True)
    for template, text in TEMPLATES.items():
        (templates / template).write_text(text)
    path = folder / f"{name}.yaml"
    config = _config(mode, ledger, urls, templates)
    config["guards"] = {**OPEN_GUARDS, **(BRAKE if braked else {})}
    put_in_place(path, yaml.safe_dump(config, sort_keys=False))
    return str(path), _environment(urls)


def put_in_place(path: Path, text: str) -> None:
    """At once: whoever reads meanwhile sees the one or the other."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _config(mode: str, ledger: str, urls: dict[str, str], templates: Path) -> dict[str, Any]:
    slack = {"type": "slack", "channel": CHANNEL, "base_url": f"{urls['slack']}/api/", "timeout": real(10)}
    jira = {
        "type": "jira",
        "server": urls["jira"],
        "project": "SEC",
        "email": jira_module.EMAIL,
        "timeout": real(10),
    }
    told_only = {"mode": "notify"}
    return {
        "mode": mode,
        "accounts": {"static": [_account(PROD), _account(LABS), {**_account(SHOP), **told_only}]},
        "owners": [{"tag": "owner"}, {"fallback": "security@example.com"}],
        "rules": [SEALED, {"name": "default", "match": {}, "stages": LADDER}],
        "sinks": {"slack": slack, "jira": jira},
        "templates": str(templates),
        "ledger": ledger,
    }


def _account(account_id: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account_id}:role/keysteward-spoke"
    return {"id": account_id, "name": f"acct-{account_id[:1]}", "role_arn": arn}


def _environment(urls: dict[str, str]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": urls["aws"],
        "AWS_ACCESS_KEY_ID": HUB_KEY,
        "AWS_SECRET_ACCESS_KEY": "canary-of-the-hub",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "KEYSTEWARD_SINKS__SLACK__TOKEN": TOKEN,
        "KEYSTEWARD_SINKS__JIRA__TOKEN": JIRA_TOKEN,
    }
