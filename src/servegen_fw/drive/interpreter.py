"""Keeping the interpreter out of the way while the clock runs, and running beside an event loop that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

SWITCH_S = 0.0005
"""How long another thread may keep the driver from running Python code (the interpreter's default is 5 ms)."""

FULL_EVERY = 60
"""Housekeeping calls from one full collection to the next."""


@contextlib.contextmanager
def quiet_interpreter(*, freeze: bool) -> Iterator[Callable[[], None]]:
    """Keep garbage collections and greedy threads from stopping the driver; restores both.

    Yields a function to call once a second. With `freeze` nothing that exists now is looked at by the collector again,
    and it runs only when called: over what the last second left, and now and then over the whole run's objects, so
    that the reference cycles of failed requests do not add up over hours.
    """
    switch_s, collecting = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(SWITCH_S)
    if freeze:
        gc.collect()
        gc.freeze()
        gc.disable()
    calls = 0

    def housekeep() -> None:
        nonlocal calls
        calls += 1
        if freeze:
            gc.collect(2 if calls % FULL_EVERY == 0 else 1)

    try:
        yield housekeep
    finally:
        sys.setswitchinterval(switch_s)
        if freeze:
            gc.unfreeze()
            if collecting:
                gc.enable()


def inside_loop() -> bool:
    """Whether this thread runs an event loop, as a notebook does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def in_thread(run: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """Call `run` in a thread of its own and return its result; on Ctrl-C call `interrupt` and wait on."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(run())
        except BaseException as error:  # handed over to the caller, whatever it is  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=work, name="servegen-fw-engine")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        interrupt()
        thread.join()
    if errors:
        raise errors[0]
    return results[0]
