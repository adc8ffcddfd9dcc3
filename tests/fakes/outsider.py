"""Somebody who has the documentation, an export of the audit trail, and nothing else of Keysteward."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs/audit.md"


@dataclass(frozen=True)
class Outsider:
    """Runs the verifier of docs/audit.md."""

    program: Path

    @staticmethod
    def of_the_docs(folder: Path) -> "Outsider":
        (code,) = re.findall(r"^```python\n(.*?)^```", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        program = folder / "verify.py"
        program.write_text(code, "utf-8")
        return Outsider(program)

    def run(self, text: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(self.program)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    def verifies(self, text: str) -> str:
        code, said = self.run(text)
        assert code == 0, said
        return said
