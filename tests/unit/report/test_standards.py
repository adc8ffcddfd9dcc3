"""The standards as data: each control has its source, and claims no more than it sees."""

from pathlib import Path

import pytest

from app.report.standards import (
    CIS_STANDARD,
    PCI_STANDARD,
    STANDARDS,
    Check,
    Control,
    NoRootKey,
    OneActiveKey,
    Rotated,
    Standard,
    Unused,
)

each_standard = pytest.mark.parametrize("standard", STANDARDS.values(), ids=list(STANDARDS))
CONTROLS = [(one.key, control) for one in STANDARDS.values() for control in one.controls]


def test_the_four_standards_are_there() -> None:
    assert sorted(STANDARDS) == ["cis", "fsbp", "pci", "soc2"]


@each_standard
def test_no_two_controls_of_a_standard_share_a_name(standard: Standard) -> None:
    names = [control.name for control in standard.controls]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("key", "control"), CONTROLS)
def test_a_control_says_its_threshold_and_its_source(key: str, control: Control) -> None:
    assert control.title
    assert control.threshold.endswith(".")
    assert control.source.startswith("https://")


@pytest.mark.parametrize(("key", "control"), CONTROLS)
def test_a_threshold_in_words_is_the_one_that_is_judged_by(key: str, control: Control) -> None:
    match control.check:
        case Rotated(days):
            assert f"more than {days} days old" in control.threshold
        case Unused(days, at_limit):
            assert f"{days} days" in control.threshold
            assert ("At exactly" in control.threshold) is not at_limit
        case OneActiveKey() | NoRootKey():
            assert "fails" in control.threshold


@pytest.mark.parametrize(("key", "control"), CONTROLS)
def test_a_control_about_credentials_in_general_says_that_passwords_are_not_seen(
    key: str, control: Control
) -> None:
    if isinstance(control.check, Unused):
        assert "passwords" in control.unseen


IDS: list[tuple[Check, dict[str, str]]] = [
    (Unused(45, at_limit=True), {"7.0": "2.11", "5.0": "1.11", "3.0": "1.12", "1.4": "1.12"}),
    (Rotated(90), {"7.0": "2.12", "5.0": "1.13", "3.0": "1.14", "1.4": "1.14"}),
    (OneActiveKey(), {"5.0": "1.12", "3.0": "1.13", "1.4": "1.13"}),
    (NoRootKey(), {"7.0": "2.4", "5.0": "1.3", "3.0": "1.4", "1.4": "1.4"}),
]


@pytest.mark.parametrize(("check", "ids"), IDS)
def test_the_numbers_of_the_cis_benchmark(check: Check, ids: dict[str, str]) -> None:
    assert [dict(control.ids) for control in CIS_STANDARD.controls if control.check == check] == [ids]


def test_a_control_that_the_newest_version_lacks_is_labelled_with_its_own() -> None:
    labels = [CIS_STANDARD.label(control) for control in CIS_STANDARD.controls]
    assert labels == ["2.11", "2.12", "1.12 (5.0)", "2.4"]
    assert STANDARDS["fsbp"].label(STANDARDS["fsbp"].controls[0]) == "IAM.3"


@each_standard
def test_no_two_controls_of_a_standard_share_a_label(standard: Standard) -> None:
    labels = [standard.label(control) for control in standard.controls]
    assert len(set(labels)) == len(labels)
    assert all(labels)


def test_pci_lets_a_key_lie_idle_for_just_ninety_days() -> None:
    assert [one.check for one in PCI_STANDARD.controls] == [
        Unused(90, at_limit=False),
        Rotated(90),
        Rotated(90),
    ]


def test_the_documentation_names_every_control() -> None:
    page = (Path(__file__).parents[3] / "docs/reports.md").read_text()
    numbers = {number for _, control in CONTROLS for number in control.ids.values()}
    named = numbers | {control.name for _, control in CONTROLS if not control.ids}
    assert [one for one in named if one not in page] == []
    assert [key for key in STANDARDS if f"`{key}`" not in page] == []
