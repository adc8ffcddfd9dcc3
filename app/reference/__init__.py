"""docs/reference.md, from the code itself: ``python -m app.reference > docs/reference.md``."""

from app.reference.commands import commands
from app.reference.metrics import metrics
from app.reference.options import options

_HEAD = """\
# Reference

Every option of the config, every command, and every metric. Generated from the code, and held to it by a
test: `python -m app.reference > docs/reference.md`.

- [Config](#config): {sections}
- [Commands](#commands): {commands}
- [Exit codes](#exit-codes)
- [Prometheus metrics](#prometheus-metrics)
"""


def render_reference() -> str:
    """The text of docs/reference.md."""
    config, cli = list(options()), list(commands())
    sections = _links(config, "### ")
    head = _HEAD.format(sections=sections, commands=_links(cli, "### keysteward "))
    return "\n".join([head, *config, *cli, *metrics()])


def _links(lines: list[str], mark: str) -> str:
    """To the headings that begin with ``mark``."""
    names = (line.removeprefix(mark).strip() for line in lines if line.startswith(mark))
    return ", ".join(f"[{name}](#{anchor(mark.lstrip('# ') + name)})" for name in names)


def anchor(heading: str) -> str:
    """As GitHub makes it: small letters, hyphens for spaces, no other punctuation."""
    kept = (char for char in heading.lower() if char.isalnum() or char in " -_")
    return "".join(kept).replace(" ", "-")
