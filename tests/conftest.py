"""The same examples each time, and none timed: no gate falls by chance. `NEW_EXAMPLES=1` draws new ones."""

import os

from hypothesis import settings

settings.register_profile("gate", deadline=None, derandomize="NEW_EXAMPLES" not in os.environ)
settings.load_profile("gate")
