"""How a parser is attacked: with thousands of spoiled inputs, each bounded in time and memory.

Every input begins as a valid one, so that most of what is wrong with it is found deep inside the parser.
`make fuzz` tries 10,000 inputs a parser, the slow tests a share of them, the quick ones a few: the same
each time. `FUZZ_SEED=7 make fuzz` tries others.
"""

import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Input = TypeVar("Input")
Result = TypeVar("Result")

# Inputs. The slow tests try a share of what `make fuzz` does.
QUICK, THOROUGH = 200, int(os.environ.get("FUZZ_INPUTS", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
MOST_CPU, MOST_WAITING = 30.0, 120.0  # seconds an input: what hangs, on however slow a machine
MOST_MEMORY = 256 << 10  # KiB that one input may add to the most that the process ever needed

MADE: Counter[str] = Counter()  # inputs, by what was checked

each_effort = pytest.mark.parametrize(
    "examples",
    [pytest.param(QUICK, id="quick"), pytest.param(THOROUGH, id="thorough", marks=pytest.mark.slow)],
)


class _TooLong(BaseException):
    """Not an `Exception`: what is attacked may catch all of those."""


def attack(inputs: SearchStrategy[Input], check: Callable[[Input], object], examples: int) -> None:
    """Calls ``check`` with so many ``inputs``; it raises what is wrong, as an AssertionError or otherwise."""
    made = 0

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,  # by the clock, on a machine that others use too; `_bounded` counts CPU
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def one(spoiled: Input) -> None:
        nonlocal made
        made += 1
        MADE[check.__qualname__] += 1
        with _bounded():
            check(spoiled)

    one()
    assert made >= examples


def tried(read: Callable[[], Result], refusal: type[Exception]) -> tuple[Result | None, str]:
    """What was read and no words, or nothing and the words of the one error that is documented."""
    try:
        return read(), ""
    except refusal as error:
        return None, str(error)


@contextmanager
def _bounded() -> Iterator[None]:
    before = _peak()
    try:
        with (
            _alarm(signal.SIGPROF, signal.ITIMER_PROF, MOST_CPU),
            _alarm(signal.SIGALRM, signal.ITIMER_REAL, MOST_WAITING),
        ):
            yield
    except _TooLong:
        raise AssertionError(f"took over {MOST_CPU} s of CPU, or waited {MOST_WAITING} s") from None
    assert _peak() - before < MOST_MEMORY


@contextmanager
def _alarm(number: signal.Signals, timer: int, seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _TooLong

    earlier = signal.signal(number, ring)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, earlier)


def _peak() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
