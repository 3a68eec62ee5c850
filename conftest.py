"""Settings of all tests, the plugins' included."""

from __future__ import annotations

from hypothesis import settings

# The same examples on every machine and in every run: a failure is a change of the code, never of luck.
settings.register_profile("servegen-fw", derandomize=True, deadline=None)
settings.load_profile("servegen-fw")
