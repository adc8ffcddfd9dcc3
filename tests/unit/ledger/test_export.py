"""The file in which a ledger travels: whole, or refused in one line."""

import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from app import __version__
from app.errors import ConfigError
from app.ledger import schema
from app.ledger.export import lines, read
from app.ledger.memory import MemoryLedger
from app.ledger.moving import CODECS, Row
from app.plan.record import Change
from tests.fakes.ledger_rows import NOW, PAUSE, WHOLE, event


def written() -> list[bytes]:
    """A ledger with a row of each kind, as it is exported."""
    ledger = MemoryLedger()
    ledger.mark_rehearsal(NOW)
    ledger.apply(WHOLE)
    ledger.apply(Change(events=(event("odd", detail="a\nb\u2028c\u0000d 'é"),)))
    ledger.pause(PAUSE, event("paused"))
    with ledger.lease("a", timedelta(0)), ledger.dump() as dump:
        return list(lines(dump))


WRITTEN = written()


def rows_in(content: bytes) -> list[Row]:
    return list(read(io.BytesIO(content)).rows)


def refusal(content: bytes) -> str:
    with pytest.raises(ConfigError) as raised:
        rows_in(content)
    assert "\n" not in str(raised.value)
    assert "AKIA" not in str(raised.value)
    return str(raised.value)


def with_header(change: Callable[[dict[str, object]], None]) -> bytes:
    header = json.loads(WRITTEN[0])
    change(header["keysteward_ledger"])
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + b"".join(WRITTEN[1:])


def test_every_kind_of_row_comes_back_as_it_was() -> None:
    ledger = MemoryLedger()
    ledger.fill(rows_in(b"".join(WRITTEN)))
    with ledger.dump() as dump:
        assert list(dump.counts) == list(CODECS)
        assert list(lines(dump)) == WRITTEN


def test_its_first_line_says_what_it_is_and_its_last_seals_it() -> None:
    header, end = (json.loads(WRITTEN[place]) for place in (0, -1))
    counts = header["keysteward_ledger"].pop("counts")
    assert header == {"keysteward_ledger": {"format": 1, "software": __version__, "schema": schema.HEAD}}
    assert (sum(counts.values()), end["end"]["counts"]) == (len(WRITTEN) - 2, counts)
    assert len(end["end"]["sha256"]) == 64


def test_each_line_is_one_json_object() -> None:
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in WRITTEN)
    assert all(len(json.loads(line)) == 1 for line in WRITTEN)


def test_a_file_that_was_cut_off_anywhere_is_refused() -> None:
    whole = b"".join(WRITTEN)
    for length in (*range(len(WRITTEN[0]), len(whole), 97), len(whole) - 1):
        assert "cut off behind line" in refusal(whole[:length])


def test_a_file_without_one_of_its_lines_is_refused() -> None:
    for gone in range(1, len(WRITTEN) - 1):
        assert "checksum" in refusal(b"".join(line for n, line in enumerate(WRITTEN) if n != gone))


def test_a_file_that_was_altered_anywhere_is_refused() -> None:
    whole = bytearray(b"".join(WRITTEN))
    for place in range(0, len(whole), 53):
        altered = bytes(whole[:place]) + bytes([whole[place] ^ 0x01]) + bytes(whole[place + 1 :])
        refusal(altered)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no export of a ledger"),
        (b"accounts:\n  static: []\n", "no export of a ledger"),
        (b"\xff\xfe" * 100_000, "no export of a ledger"),
        (b'{"facts":{}}\n', "no export of a ledger"),
        (b'{"keysteward_ledger":{"format":1}}\n', "first line is damaged"),
        (b"".join(WRITTEN) + b"\n", "goes on behind its end"),
        (b"".join(WRITTEN) * 2, "goes on behind its end"),
        (WRITTEN[0] + b'{"magic":1}\n' + WRITTEN[-1], "line 2 of the export is damaged"),
        (WRITTEN[0] + b'{"facts":{"uid":"AKIA"}}\n' + WRITTEN[-1], "line 2 of the export is damaged"),
        (b"".join(WRITTEN[:-1]) + b'{"end":{}}\n', "last line is damaged"),
    ],
)
def test_what_is_no_whole_export_is_refused_in_one_line(content: bytes, said: str) -> None:
    assert said in refusal(content)


@pytest.mark.parametrize(
    ("field", "value"), [("format", 2), ("software", "99.0.0"), ("schema", "9999"), ("software", "0.99.1rc1")]
)
def test_an_export_of_a_newer_release_is_refused(field: str, value: object) -> None:
    said = refusal(with_header(lambda header: header.update({field: value})))
    assert "written by a newer Keysteward" in said


def test_a_header_that_counts_other_rows_is_refused() -> None:
    ledger = MemoryLedger()
    ledger.apply(WHOLE)
    with ledger.dump() as dump:
        content = b"".join(lines(replace(dump, counts={"facts": 2})))
    assert "not as many lines as it says" in refusal(content)


def test_no_table_and_no_part_of_a_change_is_forgotten() -> None:
    """A new kind of row needs its line in `moving.py`, `dumping.py`, and in each ledger."""
    derived = {
        "tickets",
        "control",
    }  # the former from the findings; what the latter holds is dumped by its name
    tables = schema.metadata.tables.keys() - derived
    assert tables <= CODECS.keys()
    changed = {field.name for field in fields(Change) if not field.name.startswith("forget")}
    assert changed - {"run"} <= CODECS.keys()
