"""``python -m app.reference > docs/reference.md``."""

import sys

from app.reference import render_reference

sys.stdout.write(render_reference())
