"""Key paths of a suite: the tuple that code uses and the text that people write, ``case[0].load.rate``."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys (str) and positions in arrays (int) from the root of a document to a value."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STEP: Final = re.compile(
    r"""(?P<dot>\.)?(?:(?P<bare>[A-Za-z0-9_-]+)|"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'|\[(?P<index>\d+)\])"""
)


def format_path(path: KeyPath) -> str:
    """Return the path as people write it; keys that TOML would quote are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _BARE.fullmatch(part) else f"'{part}'" if '"' in part else f'"{part}"'
            text += f".{word}" if text else word
    return text


def parse_path(text: str) -> KeyPath:
    """Return the tuple behind ``case[0].load.rate``.

    Raises
    ------
        ValueError: the text is not a path; the message says from which character on.
    """
    path: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        # A dot stands before every key but the first, and before no index.
        if step is None or bool(step["dot"]) != (at > 0 and step["index"] is None):
            raise ValueError(f"cannot read the path {text!r} from {text[at:]!r} on")
        if step["index"] is not None:
            path.append(int(step["index"]))
        else:
            path.append(next(part for part in step.group("bare", "quoted", "single") if part is not None))
        at = step.end()
    if not path:
        raise ValueError("the path is empty")
    return tuple(path)
