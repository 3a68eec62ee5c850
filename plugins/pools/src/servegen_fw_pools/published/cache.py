"""Compiled pools in the user's cache folder, keyed by what the source files are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from servegen_fw.plugin import ClientPool, InputError, open_pool, save_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COMPILED_FORMAT = 1
"""Version of what compiling yields; raised whenever the same files would give another pool."""


def cache_folder() -> Path:
    """``$SERVEGEN_FW_CACHE``, else ``$XDG_CACHE_HOME/servegen-fw``, else ``~/.cache/servegen-fw``."""
    own = os.environ.get("SERVEGEN_FW_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "servegen-fw"


def compiled(
    folder: Path, files: Iterable[Path], variant: str, compile_pool: Callable[[], ClientPool]
) -> ClientPool:
    """Open the compiled pool of `files`, or compile and keep it.

    The key covers the folder, and names, sizes and modification times of the files, `variant` and
    `COMPILED_FORMAT`. A damaged copy is made anew; where the cache cannot be written the pool is returned as
    compiled, so that a read-only system works too, only slower.

    Parameters
    ----------
        folder: of the source.
        files: what the pool is made of.
        variant: options that change the pool.
        compile_pool: makes it.
    """
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    stem = f"{folder.name}-{place}-{variant}"
    path = cache_folder() / f"{stem}-{_signature(files)}.pool"
    try:
        return open_pool(path)
    except InputError:
        pool = compile_pool()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_pool(pool, path)
        for old in path.parent.glob(f"{_literal(stem)}-*.pool"):
            if old != path:
                old.unlink(missing_ok=True)
        return open_pool(path)
    except (InputError, OSError):
        return pool


def _signature(files: Iterable[Path]) -> str:
    sha = hashlib.sha256(f"compiled {COMPILED_FORMAT}\n".encode())
    for path in sorted(files):
        stat = path.stat()
        sha.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return sha.hexdigest()[:16]


def _literal(text: str) -> str:
    """`text` as a glob that matches only itself."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
