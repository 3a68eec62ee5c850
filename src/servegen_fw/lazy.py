"""Names that are imported when they are first used, so that importing a facade costs nothing (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(facade: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module-level ``__getattr__`` for the module `facade`; `home` maps each name to the module it lives in."""

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {facade!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home[name]), name)

    return load
