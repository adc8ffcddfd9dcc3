"""What a running service watches, by content.

Mounted ConfigMaps and Secrets are swapped by a symbolic link, so that names and times tell little. The
environment of a process can't change, and AWS Secrets Manager is only asked at a reload.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.config.layers import PREFIX
from app.config.schema import Config


def fingerprint(path: Path | None, env: Mapping[str, str], config: Config) -> str:
    """SHA-256 over all that ``config`` was made of: its file, the secrets folder, and the files it names.

    Never raises: what can't be read has a content of its own.
    """
    whole = hashlib.sha256()
    for file in _files(path, env, config):
        whole.update(f"{file}\0{_digest(file)}\0".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _files(path: Path | None, env: Mapping[str, str], config: Config) -> Iterator[Path]:
    if path:
        yield path
    if env.get("KEYSTEWARD_SECRETS_DIR"):
        folder = Path(env["KEYSTEWARD_SECRETS_DIR"])
        yield from (file for file in _below(folder, "*") if file.name.upper().startswith(PREFIX))
    yield from (Path(owner.csv.path) for owner in config.owners if owner.csv)
    if config.templates:
        yield from _below(config.templates, "**/*")


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from sorted(file for file in folder.glob(pattern) if file.is_file())
    except OSError:
        return


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return f"unreadable: {type(error).__name__}"
