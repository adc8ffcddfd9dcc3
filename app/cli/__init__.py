"""The command line: thin commands over the service. Data goes to stdout, everything else to stderr."""

from app.cli.main import main

__all__ = ["main"]
