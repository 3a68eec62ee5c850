"""Files that are whole or not there: written beside their place, and moved into it at the end."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name in the folder of `path`; what is written there takes the place of `path`, or is gone if anything fails.

    A reader sees the old file or the new one, never a part. Names differ, so that several may write one file at once.

    Raises
    ------
        OSError: the file cannot be moved, as any that writing it raises.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
