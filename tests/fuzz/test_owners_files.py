"""Files of owners: a line that is lost or misread would send an owner's notices to somebody else."""

import csv
from pathlib import Path

from pydantic import ValidationError

from app.config.owners import OwnerSettings, OwnersFile
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

VALID = (
    "user,account,owner\nann,prod,ann@example.com\nci-*,,platform@example.com\n,dev,dev@example.com\n",
    'owner, user\r\n"ann@example.com","ann"\r\nbob@example.com,"b,ob"\r\n',
    "\ufeffUSER,OWNER\nann,ann@example.com",
)


@each_effort
def test_a_file_of_owners_is_refused_by_its_name_or_read_to_the_last_line(
    examples: int, tmp_path: Path
) -> None:
    attack(texts.spoiled(VALID), lambda text: check(text, tmp_path / "owners.csv"), examples)


def check(text: str, path: Path) -> None:
    path.write_bytes(texts.as_bytes(text))
    settings, words = tried(lambda: OwnerSettings.model_validate({"csv": str(path)}), ValidationError)
    if settings is None:
        assert "owners.csv" in words
        return
    file = settings.csv
    assert isinstance(file, OwnersFile)
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line]
    assert len(file.rows) == len(lines) - 1
    for row, line in zip(file.rows, lines[1:], strict=True):
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        assert {row.address, row.user, row.account} - {""} == set(cells) - {""}
