"""Keysteward itself as it is deployed: its command, a config with the default rules, a SQLite ledger."""

import sys
from pathlib import Path

from app.ledger.open import open_ledger
from bench.fleet import Fleet, account_id
from bench.task import ROLE, role_arn
from bench.verify import Verdict, of_ledger

COMMAND = (sys.executable, "-m", "app")


def write_config(folder: Path, fleet: Fleet) -> Path:
    """A config whose ledger is `ledger.db` beside it. One account is named, more are an organization."""
    one = f'static: [{{id: "{account_id(0)}", role_arn: "{role_arn(account_id(0))}"}}]'
    accounts = one if fleet.accounts == 1 else f"organization: {{role_name: {ROLE}}}"
    ledger = f"sqlite:///{folder / 'ledger.db'}"
    config = folder / "config.yaml"
    config.write_text(f"mode: observe\naccounts: {{{accounts}}}\nledger: {ledger}\nlog_level: warning\n")
    return config


def run_command(config: Path) -> list[str]:
    return [*COMMAND, "run", "--once", "--config", str(config)]


def scan_command(config: Path) -> list[str]:
    return [*COMMAND, "scan", "--format", "json", "--config", str(config)]


def check(fleet: Fleet, config: Path) -> Verdict:
    """Of what the last run wrote into the ledger."""
    ledger = open_ledger(f"sqlite:///{config.parent / 'ledger.db'}", create=False)
    try:
        return of_ledger(fleet, ledger)
    finally:
        ledger.close()
