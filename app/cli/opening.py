"""How a command comes by its config and its service.

Both are imported when they are asked for: the SDK, the ledger and the config's models take the better part
of a second, which no ``--help`` should wait for.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.bootstrap import Service
    from app.config.schema import Config
    from app.ledger.interface import Ledger


def load(config_path: Path | None) -> "Config":
    """The effective config. Raises `ConfigError`."""
    from app.bootstrap import read_config

    return read_config(config_path, os.environ, Path.cwd(), datetime.now(UTC))


def where(config_path: Path | None) -> Path | None:
    """The config's file; None: there is none, and the default config is in force."""
    from app.config.load import find_config

    return find_config(config_path, os.environ, Path.cwd())


def fingerprint(config_path: Path | None, config: "Config") -> str:
    """Of all that ``config`` was made of."""
    from app.config import watched

    return watched.fingerprint(where(config_path), os.environ, config)


def doubts(config_path: Path | None) -> list[str]:
    """What loads and yet deserves a look: a lapsed exemption, a notice that never repeats."""
    from app.config.load import check_config

    return [str(fault) for fault in check_config(where(config_path), os.environ, now=datetime.now(UTC))]


def to_run(config: "Config", rehearse_at: datetime | None) -> "Service":
    """For real, or as if it were ``rehearse_at``."""
    from app.bootstrap import open_rehearsal, open_service

    return open_rehearsal(config, rehearse_at) if rehearse_at else open_service(config)


def to_look(config: "Config", at: datetime | None = None) -> "Service":
    from app.bootstrap import open_for_looking

    return open_for_looking(config, at)


def ledger_of(config: "Config") -> "Ledger":
    """The ledger alone. Raises `NoLedger` where there is none."""
    from app.ledger.open import open_ledger

    return open_ledger(config.ledger_url, create=False, term=config.lease)


def ledger_to_read(config: "Config") -> "Ledger":
    """The ledger alone; where there is none that is said, and it is an empty one."""
    from app.cli.show import warn
    from app.errors import NoLedger
    from app.ledger.memory import MemoryLedger

    try:
        return ledger_of(config)
    except NoLedger as error:
        warn(f"keysteward: {error}")
        return MemoryLedger()


def to_fill(config: "Config") -> "Ledger":
    """The ledger alone, made where there is none."""
    from app.ledger.open import open_ledger

    return open_ledger(config.ledger_url, term=config.lease)


def to_change(config: "Config", at: datetime | None) -> "Service":
    from app.bootstrap import open_for_change

    return open_for_change(config, at)
