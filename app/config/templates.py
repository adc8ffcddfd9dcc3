"""The option `templates`: where the folder is, and what is wrong in it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.sinks.check_texts import TemplateFault


def anchored(tree: Mapping[str, Any], config_file: Path | None) -> dict[str, Any]:
    """``tree`` with a relative folder made to start at the config file's own, wherever the process runs."""
    folder = tree.get("templates")
    if config_file is None or not isinstance(folder, str):
        return dict(tree)
    return {**tree, "templates": str(config_file.parent / folder)}


def faults(tree: Mapping[str, Any]) -> list["TemplateFault"]:
    """Nothing for a folder that isn't there: its option has that fault."""
    folder = tree.get("templates")
    if not isinstance(folder, str) or not os.path.isdir(folder):
        return []
    from app.sinks.check_texts import check_templates

    return check_templates(Path(folder))
