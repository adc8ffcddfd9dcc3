"""Rules and lists of owners at random: what is compiled or indexed once says what trying one by one says."""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from app.model import Account, Credential, Kind
from app.policy.listing import OwnerRow
from app.policy.match import covers
from app.policy.owner import owners_of
from app.policy.rules import Match, OwnerByFile, OwnerByMap, OwnerSource
from tests.unit.policy.test_policy import KEY

WORDS = st.sampled_from(["", "a", "b", "ab", "ba", "a.b", "a-b", "A", "a|b", "[a", "a\nb"])
GLOBS = st.one_of(WORDS, st.sampled_from(["*", "?", "a*", "*b", "a*b", "[ab]", "[!a]", "[]", "(a", "*a*b*"]))
PATTERNS = st.lists(GLOBS, max_size=3).map(tuple)
WANTED_TAGS = st.dictionaries(st.sampled_from(["x", "y"]), PATTERNS, max_size=2)
TAGS = st.none() | st.dictionaries(st.sampled_from(["x", "y"]), WORDS, max_size=2)
ACCOUNTS = st.builds(
    Account,
    id=st.sampled_from(["a", "ab", "1"]),
    name=WORDS,
    alias=WORDS,
    ou_ids=st.lists(WORDS, max_size=2).map(tuple),
    ou_path=WORDS,
    tags=TAGS,
)
CREDENTIALS = st.builds(
    replace,
    st.just(KEY),
    user=WORDS.filter(bool),
    user_path=WORDS,
    groups=st.none() | st.lists(WORDS, max_size=2).map(tuple),
    tags=TAGS,
    kind=st.sampled_from(Kind),
)
MATCHES = st.builds(
    Match,
    accounts=PATTERNS,
    account_tags=WANTED_TAGS,
    ous=PATTERNS,
    users=PATTERNS,
    paths=PATTERNS,
    groups=PATTERNS,
    tags=WANTED_TAGS,
    kinds=st.lists(st.sampled_from(Kind), max_size=2).map(tuple),
)


def expected(match: Match, account: Account, key: Credential) -> bool | None:
    """Field by field, pattern by pattern."""
    names = (account.name, account.alias)
    answers = [
        not match.accounts or fits(match.accounts, names) or account.id in match.accounts,
        not match.ous or fits(match.ous, (account.ou_path,)) or bool(set(match.ous) & set(account.ou_ids)),
        not match.users or fits(match.users, (key.user,)),
        not match.paths or fits(match.paths, (key.user_path,)),
        not match.kinds or key.kind in match.kinds,
        not match.groups or (None if key.groups is None else fits(match.groups, key.groups)),
        not match.account_tags or tagged(match.account_tags, account.tags),
        not match.tags or tagged(match.tags, key.tags),
    ]
    return False if False in answers else None if None in answers else True


def fits(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names if name)


def tagged(wanted: Mapping[str, tuple[str, ...]], tags: Mapping[str, str] | None) -> bool | None:
    if tags is None:
        return None
    found = (key in tags and any(fnmatchcase(tags[key], glob) for glob in wanted[key]) for key in wanted)
    return all(found)


@given(MATCHES, ACCOUNTS, CREDENTIALS)
def test_a_match_covers_what_trying_each_pattern_on_each_name_covers(
    match: Match, account: Account, key: Credential
) -> None:
    assert covers(match, account, key) is expected(match, account, key)


ADDRESSES = st.sampled_from([f"o{number}@example.com" for number in range(5)] + ["the team"])
ROWS = st.lists(st.builds(OwnerRow, GLOBS, GLOBS, ADDRESSES), max_size=6).map(tuple)


@given(ROWS, ACCOUNTS, CREDENTIALS)
def test_of_a_file_the_first_row_that_covers_a_key_answers(
    rows: tuple[OwnerRow, ...], account: Account, key: Credential
) -> None:
    places = (account.id, account.name, account.alias)
    covering = (
        row.address
        for row in rows
        if (not row.user or one_fits(key.user, row.user))
        and (not row.account or any(one_fits(place, row.account) for place in places))
    )
    assert answer(OwnerByFile(rows, "all.csv"), account, key) == first_address(next(covering, ""))


@given(st.dictionaries(GLOBS, ADDRESSES, max_size=6), ACCOUNTS, CREDENTIALS)
def test_of_a_map_the_first_name_that_fits_a_user_answers(
    users: dict[str, str], account: Account, key: Credential
) -> None:
    found = next((address for glob, address in users.items() if one_fits(key.user, glob)), "")
    assert answer(OwnerByMap(users), account, key) == first_address(found)


def one_fits(name: str, glob: str) -> bool:
    return name == glob if not set(glob) & set("*?[") else fnmatchcase(name, glob)


def first_address(found: str) -> list[str]:
    return [found] if "@" in found else []


def answer(source: OwnerSource, account: Account, key: Credential) -> list[str]:
    return [owner.address for owner in owners_of((source,), account, key)]
