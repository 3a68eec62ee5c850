"""Options of the kernel's own engines; apart from them, so that declaring them imports nothing."""

from __future__ import annotations

from typing import Literal

import attrs

from servegen_fw.hooks.setting import setting


@attrs.frozen
class Local:
    """Options of the local engine."""

    loop: Literal["auto", "uvloop", "asyncio"] = setting(
        "auto", doc="event loop; auto takes uvloop where it is installed"
    )
    gc: Literal["freeze", "leave"] = setting(
        "freeze", doc="freeze: no garbage collection while the clock runs; leave: as the interpreter does it"
    )
