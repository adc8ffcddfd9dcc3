"""Schema migrations, forward only, run by the service itself when it opens its ledger."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from app.ledger.version import too_new


def upgrade(engine: Engine, version: str | None) -> None:
    """From ``version`` (None: empty) to the newest. Raises `LedgerError` on a schema of a newer release."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise too_new(version)
    with engine.connect() as plain:
        db = plain.execution_options(write=True)
        with db.begin():
            config.attributes["connection"] = db
            command.upgrade(config, "head")
