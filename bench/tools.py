"""Other people's tools, where they are installed."""

from collections.abc import Callable
from pathlib import Path

from bench.processes import Aws

Tool = Callable[[Aws, Path], list[str]]
