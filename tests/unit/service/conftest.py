"""Whole runs, read in both ways."""

import pytest

from tests.fakes.world import World


@pytest.fixture(params=["live", "remembered"])
def each_reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key read live in every run, and only those that must be: people see no difference."""
    monkeypatch.setattr(World, "remembering", request.param == "remembered")
