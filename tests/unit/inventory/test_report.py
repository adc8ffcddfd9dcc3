"""Reading the credential report: whole, or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.inventory.report import Malformed, parse_report, path_of
from app.model import LastUsed
from tests.fakes.aws_fleet import COLUMNS, FakeAccount, FakeKey, FakeUser, report_csv

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
USED = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def sample() -> str:
    keys = [FakeKey("AKIA1", CREATED, last_used=USED), FakeKey("AKIA2", CREATED, "Inactive")]
    users = [FakeUser("ann", keys, "/division/x/"), FakeUser("bob")]
    return report_csv(FakeAccount("111122223333", users, root_keys=1))


def test_a_row_shows_status_latest_possible_creation_and_last_use_of_each_key() -> None:
    row = parse_report(sample().encode()).rows["ann"]
    assert [(key.active, key.rotated) for key in row.keys] == [(True, CREATED), (False, CREATED)]
    assert row.keys[0].last_used == LastUsed("at", USED, "s3", "eu-central-1")
    assert row.keys[1].last_used == LastUsed.never()
    assert row.path == "/division/x/"


def test_a_user_without_keys_is_still_a_row() -> None:
    assert parse_report(sample().encode()).rows["bob"].keys == ()


def test_the_root_row_counts_active_root_keys_and_is_no_user() -> None:
    report = parse_report(sample().encode())
    assert (report.root_keys, report.has_root) == (1, True)
    assert set(report.rows) == {"ann", "bob"}


def test_a_report_without_a_root_row_is_accepted() -> None:
    lines = sample().splitlines()
    report = parse_report("\n".join(lines[:1] + lines[2:]).encode())
    assert (report.root_keys, report.has_root) == (0, False)


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace("true", "TRUE").replace("false", "False"), id="case"),
        pytest.param(lambda text: text.replace("+00:00", "Z"), id="zone as Z"),
        pytest.param(lambda text: text.replace("\n", "\r\n") + "\r\n", id="line ends"),
    ],
)
def test_spellings_that_aws_uses_mean_the_same(variant: object) -> None:
    assert callable(variant)
    assert parse_report(variant(sample()).encode()) == parse_report(sample().encode())


def test_columns_are_found_by_name_and_unknown_ones_ignored() -> None:
    turned = "\n".join(",".join(reversed(line.split(","))) for line in sample().splitlines())
    assert parse_report(turned.encode()) == parse_report(sample().encode())


@pytest.mark.parametrize(
    ("cell", "state"), [("N/A", "never"), ("no_information", "unknown"), ("not_supported", "unknown")]
)
def test_only_not_applicable_means_never_used(cell: str, state: str) -> None:
    text = sample().replace("2026-05-06T07:08:09Z", cell)
    assert parse_report(text.encode()).rows["ann"].keys[0].last_used.state == state


def test_an_unknown_region_or_service_is_not_an_unknown_last_use() -> None:
    text = sample().replace("eu-central-1,s3", "N/A,N/A")
    assert parse_report(text.encode()).rows["ann"].keys[0].last_used == LastUsed("at", USED)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("user,arn\nann,x", id="columns missing"),
        pytest.param(COLUMNS, id="nobody at all"),
        pytest.param(sample().replace("\nann,", "\n,"), id="a user without a name"),
        pytest.param(sample().replace("user_creation_time", "arn"), id="a column twice"),
        pytest.param(
            sample().replace("ann,", '"ann,', 1).replace("bob,", 'bob",', 1), id="a quote over two lines"
        ),
        pytest.param(sample()[:-30], id="last row cut short"),
        pytest.param(sample().rsplit(",N/A,", 1)[0] + ",N/,", id="a sentinel cut short"),
        pytest.param(sample() + "\n" + sample().splitlines()[-1], id="a user twice"),
        pytest.param(sample().replace("2026-01-02", "yesterday"), id="a time that is none"),
        pytest.param(sample().replace("false,true", "false,perhaps", 1), id="neither true nor false"),
        pytest.param(sample().replace(f"true,{CREATED:%Y-%m-%dT%H:%M:%S}+00:00", "true,N/A"), id="no date"),
        pytest.param(COLUMNS.replace("user", "u"), id="no user column"),
    ],
)
def test_a_report_that_is_not_understood_is_refused_whole(content: str) -> None:
    with pytest.raises(Malformed):
        parse_report(content.encode())


@pytest.mark.parametrize("line", [1, 2], ids=["root", "ann"])
@pytest.mark.parametrize(
    "column", [c for c in COLUMNS.split(",") if c.endswith(("_active", "_last_rotated"))]
)
def test_a_broken_cell_is_seen_in_each_column_that_has_a_form(column: str, line: int) -> None:
    lines = [text.split(",") for text in sample().splitlines()]
    lines[line][lines[0].index(column)] = "N/"
    with pytest.raises(Malformed):
        parse_report("\n".join(map(",".join, lines)).encode())


@pytest.mark.parametrize("change", [lambda line: f"{line},", lambda line: line.rpartition(",")[0]])
def test_a_line_must_have_as_many_cells_as_the_header(change: Callable[[str], str]) -> None:
    first, *lines = sample().splitlines()
    with pytest.raises(Malformed, match="line 3"):
        parse_report("\n".join([first, lines[0], change(lines[1]), *lines[2:]]).encode())


def test_a_name_with_a_comma_is_quoted() -> None:
    told = sample().replace("bob,arn:aws:iam::111122223333:user/bob", '"b,ob","arn:aws:iam::1:user/b,ob"')
    assert set(parse_report(told.encode()).rows) == {"ann", "b,ob"}


@pytest.mark.parametrize(
    ("arn", "path"),
    [
        ("arn:aws:iam::1:user/name", "/"),
        ("arn:aws:iam::1:user/division/x/name", "/division/x/"),
        ("arn:aws-cn:iam::1:user/user/name", "/user/"),
    ],
)
def test_the_path_comes_from_the_arn(arn: str, path: str) -> None:
    assert path_of(arn) == path
