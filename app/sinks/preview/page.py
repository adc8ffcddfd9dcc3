"""The frame of a preview: one HTML file that loads nothing from anywhere."""

from html import escape
from pathlib import Path

_FOLDER = Path(__file__).parent
# Nothing is loaded or run, whatever a user name or a template says.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, looks: str, body: str) -> str:
    """``body`` is markup already, ``title`` is text; ``looks`` names a style sheet beside this file."""
    style = "".join((_FOLDER / f"{name}.css").read_text("utf-8") for name in ("base", looks))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def preformatted(title: str, text: str) -> str:
    return page(title, "plain", f"<pre>{escape(text)}</pre>")


def link(text: str, url: str) -> str:
    """``text`` is markup; anything but a web or mail address stays text."""
    safe = url.startswith(("https://", "http://", "mailto:"))
    return f'<a href="{escape(url)}" rel="noreferrer">{text}</a>' if safe else text
