"""Observers beside a run: sampled about once a second in a thread of their own, never on the event loop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from servegen_fw.data.run import Observations
from servegen_fw.drive.clock import now_ns

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Observer

EVERY_S: Final = 1.0


class Observing:
    """Samples observers while it is open. An observer that raises is left out from then on, and `problems` says so.

    Parameters
    ----------
        target: name of the target they watch.
        observers: what is sampled.
        every_s: time between samples in seconds.
    """

    def __init__(self, target: str, observers: Sequence[Observer], every_s: float = EVERY_S) -> None:
        self._target = target
        self._observers = list(observers)
        self._every_s = every_s
        self._samples: list[tuple[int, str, float, str]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="servegen-fw-observers", daemon=True)
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        for observer in list(self._observers):
            self._guarded(observer, "start")
        if self._observers:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10 * self._every_s)
        for observer in list(self._observers):
            self._guarded(observer, "stop")

    def _sample(self) -> None:
        while True:
            for observer in list(self._observers):
                # One stamp for all of an observer's values, taken when it was asked.
                t_ns = now_ns()
                for series, value, unit in self._guarded(observer, "sample") or ():
                    self._samples.append((t_ns, series, float(value), unit))
            if self._over.wait(self._every_s):
                return

    def _guarded(self, observer: Observer, method: str) -> list[tuple[str, float, str]] | None:
        try:
            answer: list[tuple[str, float, str]] | None = getattr(observer, method)()
        except Exception as error:  # an observer may raise anything, and no run is lost for it  # noqa: BLE001
            self.problems.append(f"{type(observer).__name__}.{method}(): {type(error).__name__}: {error}")
            self._observers.remove(observer)
            return None
        return answer

    def table(self, zero_ns: int) -> Observations:
        """Return the samples with times on the clock whose zero `now_ns` showed as `zero_ns`."""
        names = list(dict.fromkeys(series for _, series, _, _ in self._samples))
        units = {series: unit for _, series, _, unit in self._samples}
        place = {series: index for index, series in enumerate(names)}
        return Observations(
            t_ns=np.array([t_ns - zero_ns for t_ns, _, _, _ in self._samples], np.int64),
            target=np.zeros(len(self._samples), np.int16),
            series=np.array([place[series] for _, series, _, _ in self._samples], np.int16),
            value=np.array([value for _, _, value, _ in self._samples], np.float64),
            targets=(self._target,),
            names=tuple(names),
            units=tuple(units[series] for series in names),
        )
