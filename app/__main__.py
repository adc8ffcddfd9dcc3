"""``python -m app`` is ``keysteward``."""

from app.cli import main

main()
