"""docs/faq.md explains every word by which the code holds something back."""

import re

from tests.docs.blocks import ROOT

FAQ = (ROOT / "docs" / "faq.md").read_text("utf-8")
# A guard's name, where it is given: Held("gone", …), hold_all("freeze", …), guard="notices", BRAKE = "brake".
_CALLS, _NAMES = r"(?:Held|HeldAct|hold_all|hold|keep)\(\s*", r"(?:BRAKE|CANARY|OUTDATED)(?:, \w+)? = "
_GIVEN = re.compile(rf'\b(?:{_CALLS}|guard=|{_NAMES})"([a-z_]+)"')
_PLAN = ("brake", "build", "canary", "climb", "guards")


def held_by() -> set[str]:
    files = [
        *(ROOT / "app" / "plan" / f"{name}.py" for name in _PLAN),
        *(ROOT / "app" / "service").glob("*.py"),
    ]
    return {word for path in files for word in _GIVEN.findall(path.read_text("utf-8"))}


def test_every_word_of_a_hold_is_in_the_table() -> None:
    table = FAQ.partition("| held by |")[2].partition("\n\n")[0]
    told = {word for line in table.splitlines() for word in re.findall(r"`(\w+)`", line.split("|")[1:2][0])}
    assert held_by() >= {"notices", "freeze", "changed", "brake", "canary", "scan_failed"}
    assert held_by() <= told
