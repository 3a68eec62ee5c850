"""Settings and fixtures of all tests, the plugins' included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine and in every run: a failure is a change of the code, never of luck.
settings.register_profile("servegen-fw", derandomize=True, deadline=None)
settings.load_profile("servegen-fw")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real traces, given by SERVEGEN_FW_DATA or beside the checkout; skips where it is absent."""
    beside = Path(__file__).resolve().parent.parent / "shared" / "data"
    folder = Path(os.environ.get("SERVEGEN_FW_DATA") or beside)
    if not folder.is_dir():
        pytest.skip("the real traces are not part of the repository; set SERVEGEN_FW_DATA to their folder")
    return folder
