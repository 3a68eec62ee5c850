"""Fixtures for all tests of the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real traces, given by SERVEGEN_FW_DATA or beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("SERVEGEN_FW_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real traces are not part of the repository; set SERVEGEN_FW_DATA to their folder")
    return folder
