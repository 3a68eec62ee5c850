"""Between composition and a plugin's product: what it raises or returns against its contract becomes one clear error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.data.arrays import F8, AnyArray
from servegen_fw.errors import BackendError, InputError, PluginError, Problem
from servegen_fw.hooks.entries import Choice


@attrs.frozen
class Guard:
    """Calls one product and speaks for it where it is broken.

    Attributes
    ----------
        who: option that chose it, ``workload.group "a".input``.
        product: what messages call it, ``length 'acme'``.
        plugin: distribution that offers it; empty if unknown.
    """

    who: str
    product: str
    plugin: str = ""

    @classmethod
    def of(cls, choice: Choice, kind: str, who: str) -> Guard:
        """Return the guard of what a suite chose; `kind` is the option's, in words."""
        return cls(who, f"{kind} {choice.entry.name!r}", choice.plugin)

    def broken(self, what: str) -> PluginError:
        """Return the error that says what the product did."""
        cure = f"report it to the author of {self.plugin or 'the plugin that offers it'}"
        return PluginError(Problem(f"{self.product} {what}", who=self.who, cure=cure))

    def made(self, choice: Choice) -> Any:
        """Build the product.

        Raises
        ------
            ServegenError: what `make` raised, told of this option.
        """
        try:
            return choice.make()
        except PluginError as error:
            problems = (attrs.evolve(problem, who=problem.who or self.who) for problem in error.problems)
            raise PluginError(*problems) from error

    def having(self, product: Any, *methods: str) -> Any:
        """Return a product that has these methods.

        Raises
        ------
            PluginError: it lacks one, as None does.
        """
        for method in methods:
            if not callable(getattr(product, method, None)):
                raise self.broken(f"is {told(product)}, which has no method {method}()")
        return product

    def attribute(self, product: Any, name: str) -> Any:
        """Return an attribute that the product must have."""
        try:
            return getattr(product, name)
        except AttributeError as error:
            raise self.broken(f"has no attribute {name}") from error

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method of the product.

        Raises
        ------
            PluginError: it raised something of its own.
            InputError: it found that the user's input is wrong.
        """
        try:
            return method(*arguments)
        except (InputError, BackendError):
            raise
        except PluginError as error:
            what = "; ".join(problem.what for problem in error.problems)
            raise self.broken(f"failed in {method.__name__}(): {what}") from error
        except Exception as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self.broken(f"failed in {method.__name__}(): {what}") from error

    def numbers(self, found: Any, what: str, n: int | None = None) -> F8:
        """Return what a product returned as finite numbers, float64[n]; `n` None for any number of them."""
        column = self._row(found, what, n)
        column = column.astype(np.float64, copy=False)
        finite = np.isfinite(column)
        if not finite.all():
            bad = column[~finite]
            value = "NaN" if np.isnan(bad).any() else f"{bad[0]:g}"
            raise self.broken(f"returned {value} for {len(bad):,} of {len(column):,} {what}")
        return column

    def whole(self, found: Any, what: str, n: int, dtype: npt.DTypeLike) -> AnyArray:
        """Return what a product returned as whole numbers, `dtype`[n]."""
        column = self._row(found, what, n)
        if column.dtype.kind == "f":
            column = self.numbers(column, what, n)
            self.must_hold(column == np.rint(column), column, what, "not whole")
        info = np.iinfo(dtype)
        if not np.can_cast(column.dtype, dtype):
            self.must_hold((column >= info.min) & (column <= info.max), column, what, "out of range")
        return column.astype(dtype, copy=False)

    def must_hold(self, holds: AnyArray, column: AnyArray, what: str, otherwise: str) -> None:
        """Raise unless `holds` (bool[n]) is true for every number of `column`; `otherwise` says what the others are."""
        if not holds.all():
            bad = column[~holds]
            raise self.broken(
                f"returned {bad[0]:.9g} ({otherwise}) for {len(bad):,} of {len(column):,} {what}"
            )

    def _row(self, found: Any, what: str, n: int | None) -> AnyArray:
        try:
            column = np.asarray(found)
        except (TypeError, ValueError) as error:
            raise self.broken(f"returned no array of {what}: {error}") from error
        if column.dtype.kind not in "biuf":
            raise self.broken(f"returned {told(found)} where numbers are due ({what})")
        if column.ndim != 1 or (n is not None and len(column) != n):
            due = "one row" if n is None else f"({n},)"
            raise self.broken(f"returned {what} of shape {column.shape} where {due} is due")
        return column


def told(found: Any) -> str:
    """How messages call something that should have been something else."""
    return "None" if found is None else f"an object of class {type(found).__name__}"
