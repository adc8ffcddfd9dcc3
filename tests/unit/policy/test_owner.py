"""Who answers for a credential, and how we know."""

from dataclasses import replace

import pytest

from app.model import Account
from app.policy.owner import owners_of
from app.policy.rules import (
    OwnerByAccountContact,
    OwnerByAccountTag,
    OwnerByFile,
    OwnerByKeyDescription,
    OwnerByMap,
    OwnerByTag,
    OwnerByUserName,
    OwnerFallback,
    OwnerRow,
    OwnerSource,
)
from tests.unit.policy.test_policy import KEY
from tests.work import opcodes

PROD = Account(
    "111122223333",
    "prod",
    tags={"owner": "platform@example.com"},
    email="aws+prod@example.com",
    contacts={"security": "sec@example.com"},
)
FILE = OwnerByFile(
    (
        OwnerRow("backup-*", "", "backup@example.com"),
        OwnerRow("", "1111*", "by-id@example.com"),
        OwnerRow("ci-*", "prod", "never-reached@example.com"),
    ),
    "owners.csv",
)
DESCRIPTION = OwnerByKeyDescription()


@pytest.mark.parametrize(
    ("source", "user", "tags", "expected"),
    [
        (OwnerByTag("owner"), "ci-deploy", {"owner": "ann@example.com"}, ("ann@example.com", "tag owner")),
        (OwnerByTag("owner"), "ci-deploy", {"owner": "the team"}, None),
        (DESCRIPTION, "ci-deploy", {"": "CI, ask ann@example.com."}, ("ann@example.com", "key description")),
        (DESCRIPTION, "ci-deploy", {"": "<ann@example.com>"}, ("ann@example.com", "key description")),
        (DESCRIPTION, "ci-deploy", {"": "ann@example.com or bob@example.com"}, None),
        (DESCRIPTION, "ci-deploy", {"": "nightly export"}, None),
        (DESCRIPTION, "ci-deploy", {"AKIAOTHERKEY00000000": "bob@example.com"}, None),
        (OwnerByUserName("{user}@example.com", "*.*"), "ann.lee", {}, ("ann.lee@example.com", "user name")),
        (OwnerByUserName("{user}@example.com", "*.*"), "ci-deploy", {}, None),
        (OwnerByMap({"ci-*": "ci@example.com"}), "ci-deploy", {}, ("ci@example.com", "map")),
        (FILE, "backup-nightly", {}, ("backup@example.com", "file owners.csv")),
        (FILE, "ci-deploy", {}, ("by-id@example.com", "file owners.csv")),
        (OwnerByAccountTag("owner"), "x", {}, ("platform@example.com", "account tag owner")),
        (OwnerByAccountTag("team"), "x", {}, None),
        (OwnerByAccountContact("security"), "x", {}, ("sec@example.com", "account contact security")),
        (OwnerByAccountContact("billing"), "x", {}, None),
        (OwnerByAccountContact("root"), "x", {}, ("aws+prod@example.com", "account contact root")),
        (OwnerFallback("sec@example.com"), "x", {}, ("sec@example.com", "fallback")),
    ],
)
def test_each_source_names_an_address_with_its_evidence_or_nobody(
    source: OwnerSource, user: str, tags: dict[str, str], expected: tuple[str, str] | None
) -> None:
    tags = {(name or str(KEY.id)): value for name, value in tags.items()}  # "": the key's own description
    found = owners_of((source,), PROD, replace(KEY, user=user, tags=tags))
    assert [(owner.address, owner.how) for owner in found] == ([expected] if expected else [])


SOURCES = (
    OwnerByTag("owner"),
    OwnerByMap({"ci-*": "ci@example.com"}),
    OwnerByAccountTag("owner"),
    OwnerFallback("ci@example.com"),
)


def test_all_candidates_are_kept_in_order_each_once() -> None:
    found = owners_of(SOURCES, PROD, replace(KEY, tags={"owner": "ann@example.com"}))
    assert [o.address for o in found] == ["ann@example.com", "ci@example.com", "platform@example.com"]


def test_who_refused_is_passed_over_but_never_the_fallback() -> None:
    refused = {"ci@example.com", "platform@example.com"}
    [only] = owners_of(SOURCES, PROD, replace(KEY, tags={}), refused)
    assert (only.address, only.is_fallback) == ("ci@example.com", True)


def test_tags_that_can_not_be_read_name_nobody() -> None:
    blind = replace(KEY, tags=None)
    found = owners_of(SOURCES, replace(PROD, tags=None), blind)
    assert [o.how for o in found] == ["map"]


@pytest.mark.parametrize("account", ["111122223333", "prod", "acme-prod"])
def test_a_row_names_an_account_by_its_id_its_name_or_its_alias(account: str) -> None:
    rows = (OwnerRow("", "other", "other@example.com"), OwnerRow("", account, "ann@example.com"))
    [owner] = owners_of((OwnerByFile(rows, "all.csv"),), replace(PROD, alias="acme-prod"), KEY)
    assert owner.address == "ann@example.com"


@pytest.mark.parametrize("column", ["user", "account"])
def test_a_key_is_found_in_a_file_of_a_whole_company_as_soon_as_in_a_short_one(column: str) -> None:
    """A file gone through for each key, or a pattern compiled anew for each row, would take hours."""

    def work(rows: int) -> int:
        some = [OwnerRow("", "", f"o{number}@example.com") for number in range(rows)]
        last = KEY.user if column == "user" else PROD.id
        named = [replace(row, **{column: f"name-{number}"}) for number, row in enumerate(some)]
        source = OwnerByFile((*named, replace(some[0], **{column: last})), "all.csv")
        assert owners_of((source,), PROD, KEY)  # the first key of all pays for the index
        return opcodes(lambda: owners_of((source,), PROD, replace(KEY)))

    assert work(40_000) < 2 * work(40)
