"""Durations, wherever a person writes one: the config and the command line."""

from datetime import timedelta

import click

from app.cli.options import Span
from app.config.durations import format_duration, parse_duration
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

VALID = ("90s", "15m", "6h", "75d", "2w", "1s", "36500d", " 45d ", "007d")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@each_effort
def test_a_duration_is_refused_in_words_or_means_what_it_says(examples: int) -> None:
    attack(texts.spoiled(VALID), check, examples)


def check(text: str) -> None:
    found, words = tried(lambda: parse_duration(text), ValueError)
    typed, _ = tried(lambda: Span().convert(text, None, None), click.BadParameter)
    assert typed == found
    if found is None:
        assert words.startswith("a duration ")
        return
    number, unit = text.strip()[:-1], text.strip()[-1]
    assert set(number) <= set("0123456789")
    assert found == timedelta(seconds=int(number) * SECONDS[unit])
    assert timedelta(0) < found <= timedelta(days=36_500)
    assert parse_duration(format_duration(found)) == found
