"""The same examples in each run: a gate must not fall by chance. `NEW_EXAMPLES=1` draws new ones."""

import os

from hypothesis import settings

settings.register_profile("gate", derandomize="NEW_EXAMPLES" not in os.environ)
settings.load_profile("gate")
