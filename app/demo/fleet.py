"""The fake organization: accounts, people and machines with keys of every age and use."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto.iam.models import AccessKeyLastUsed, iam_backends
from moto.organizations.models import organizations_backends

ROLE = "keysteward-spoke"
UNREADABLE = "legacy-billing"


@dataclass(frozen=True)
class Person:
    """An IAM user; ``ages`` are those of his keys in days on day 0, ``idle`` those never used (by index)."""

    name: str
    account: str
    ages: tuple[int, ...]
    idle: tuple[int, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    path: str = "/people/"
    service: str = "s3"


def _mail(name: str) -> dict[str, str]:
    return {"owner": f"{name}@example.com"}


CAST = (
    Person("ann.lee", "prod-web", (74,), tags=_mail("ann.lee")),
    Person("maria.gomez", "data-platform", (77,), tags=_mail("maria.gomez")),
    Person("ci-deploy", "prod-payments", (72,), path="/service/", service="ecr"),
    Person("old.contractor", "dev-sandbox", (300,), idle=(0,)),
    Person("build-bot", "prod-web", (20, 58), idle=(1,), path="/service/", service="codecommit"),
    Person("idle.intern", "dev-sandbox", (24,), idle=(0,), tags=_mail("idle.intern")),
    Person("break-glass", "security-tools", (400,), tags={"break-glass": "true"}, service="sts"),
    Person("noor.aziz", "staging", (28,), tags=_mail("noor.aziz")),
    Person("release-bot", "prod-payments", (35,), path="/service/", service="ecr"),
    Person("etl-nightly", "data-platform", (84,), path="/service/", service="redshift"),
)
ACCOUNTS = {
    "prod-payments": ("Prod", ("aki.sato", "li.wei", "pay-batch", "omar.haddad", "nina.berg")),
    "prod-web": ("Prod", ("tom.baker", "web-deploy", "eva.novak", "raj.patel", "cdn-purge")),
    "data-platform": ("Prod", ("spark-jobs", "dora.kim", "ben.cohen", "airflow", "ida.moen")),
    "dev-sandbox": ("Dev", ("leo.rossi", "mia.jensen", "sam.okafor", "test-runner", "zoe.dubois")),
    "security-tools": ("Dev", ("siem-export", "kai.nakamura", "audit-reader", "pia.lund", "vuln-scan")),
    "staging": ("Dev", ("staging-deploy", "ola.nord", "qa-bot", "hugo.silva", "fay.chen", "load-test")),
    UNREADABLE: ("Dev", ("billing-export", "jo.meyer", "invoice-bot", "kim.park")),
    "old-acquisition": ("Dev", ()),
}
YOUNG = (3, 9, 14, 1, 20, 6)  # days: these keys stay young for the whole walk


class Organization:
    """The fake organization, and what people do in it."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.ids: dict[str, str] = {}
        self._idle: set[str] = set()
        self._organizations = boto3.client("organizations")
        self._organizations.create_organization(FeatureSet="ALL")
        for name, (unit, _) in ACCOUNTS.items():
            self.ids[name] = self._account(name, self._unit(unit))
        organizations_backends[_master()]["aws"].close_account(AccountId=self.ids["old-acquisition"])
        for person in [*CAST, *_everybody_else()]:
            self._hire(person)

    def _unit(self, name: str) -> str:
        root = self._organizations.list_roots()["Roots"][0]["Id"]
        units = self._organizations.list_organizational_units_for_parent(ParentId=root)
        found = [u["Id"] for u in units["OrganizationalUnits"] if u["Name"] == name]
        if found:
            return str(found[0])
        made = self._organizations.create_organizational_unit(ParentId=root, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def _account(self, name: str, unit: str) -> str:
        made = self._organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        account_id = str(made["CreateAccountStatus"]["AccountId"])
        root = self._organizations.list_roots()["Roots"][0]["Id"]
        self._organizations.move_account(AccountId=account_id, SourceParentId=root, DestinationParentId=unit)
        return account_id

    def _hire(self, person: Person) -> None:
        backend = self._backend(person.account)
        tags = [{"Key": key, "Value": value} for key, value in person.tags.items()]
        region = "us-east-1"
        backend.create_user(region, person.name, path=person.path, tags=tags)
        for index, age in enumerate(person.ages):
            key = backend.create_access_key(person.name)
            key.create_date = (self._start - timedelta(days=age)).replace(tzinfo=None)
            if index in person.idle:
                self._idle.add(key.access_key_id)
            else:
                key.last_used = AccessKeyLastUsed(self._start, person.service, "eu-central-1")

    def _backend(self, account: str) -> Any:
        return iam_backends[self.ids[account]]["aws"]

    def work(self, now: datetime) -> None:
        """Everybody who is not idle uses his active keys, an hour before the scan."""
        used_at = now - timedelta(hours=1)
        for account in self.ids:
            for user in self._backend(account).users.values():
                for key in user.access_keys:
                    if key.access_key_id not in self._idle and key.status == "Active":
                        service = key.last_used.service if key.last_used else "s3"
                        key.last_used = AccessKeyLastUsed(used_at, service, "eu-central-1")

    def rotate(self, name: str, now: datetime) -> None:
        """What a good owner does: a new key, then the old one deleted."""
        person = next(p for p in CAST if p.name == name)
        backend = self._backend(person.account)
        old = backend.users[name].access_keys[0].access_key_id
        backend.create_access_key(name).create_date = now.replace(tzinfo=None)
        backend.delete_access_key(old, name)


def _master() -> str:
    return "123456789012"  # moto's account of the hub's credentials


def _everybody_else() -> list[Person]:
    people = []
    for account, (_, names) in ACCOUNTS.items():
        for index, name in enumerate(names):
            path = "/people/" if "." in name else "/service/"
            people.append(Person(name, account, (YOUNG[index % len(YOUNG)],), path=path))
    return people
