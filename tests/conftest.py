"""Settings that hold for every test: generated examples have no deadline of their own.

pytest-timeout bounds each test; a bound per example would only measure how busy the machine is.
With CI set, Hypothesis itself takes its settings for that: derandomized, without a deadline.
"""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("house")
