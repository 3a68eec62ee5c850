"""What a broken product gets for an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.hooks.entries import Choice, LengthEntry, NoOptions
from servegen_fw.workload.guard import Guard

GUARD = Guard('workload.group "a".input', "length 'acme'", "servegen-fw-acme")


def test_a_guard_is_named_by_option_entry_and_plugin() -> None:
    """The error tells the option, the entry and whom to tell."""
    choice = Choice(LengthEntry(name="acme", make=lambda _: None), NoOptions(), "servegen-fw-acme")
    guard = Guard.of(choice, "length", 'workload.group "a".input')
    assert guard == GUARD
    assert str(guard.broken("is tired")) == (
        "workload.group \"a\".input: length 'acme' is tired\n      report it to the author of servegen-fw-acme"
    )
    assert "the plugin that offers it" in str(Guard("a", "b").broken("is tired"))


def test_a_make_that_fails_is_told_of_its_option() -> None:
    """What `make` raises of its own names the option too; the user's wrong input passes as it is."""

    def zero(_: object) -> object:
        return 1 / 0

    def missing(_: object) -> object:
        raise InputError(Problem("no such file", who="lengths.csv"))

    with pytest.raises(PluginError, match=r'group "a".input: length .acme. could not be made: ZeroDivision'):
        GUARD.made(Choice(LengthEntry(name="acme", make=zero), NoOptions()))
    with pytest.raises(InputError, match=r"^lengths.csv: no such file$"):
        GUARD.made(Choice(LengthEntry(name="acme", make=missing), NoOptions()))


@pytest.mark.parametrize(
    ("product", "told"), [(None, "is None, which"), (3, "is an object of class int, which")]
)
def test_a_product_without_its_methods_is_refused(product: Any, told: str) -> None:
    """None, or an object of another kind, is told by the method it lacks."""
    with pytest.raises(PluginError, match=rf"length 'acme' {told} has no method ppf\(\)"):
        GUARD.having(product, "ppf")
    assert GUARD.having("text", "split", "join") == "text"
    with pytest.raises(PluginError, match="has no attribute mean_turns"):
        GUARD.attribute(product, "mean_turns")


def test_what_a_method_raises_is_one_error() -> None:
    """An exception is told by its class and message; another plugin error keeps its words, wrong input passes."""

    def ppf(error: Exception) -> None:
        raise error

    with pytest.raises(PluginError, match=r"length 'acme' failed in ppf\(\): KeyError: 'x'"):
        GUARD.call(ppf, KeyError("x"))
    with pytest.raises(PluginError, match=r"failed in ppf\(\): AssertionError\n") as caught:
        GUARD.call(ppf, AssertionError())
    assert isinstance(caught.value.__cause__, AssertionError)
    with pytest.raises(PluginError, match=r"\"a\".input: length 'acme' failed in ppf\(\): a gap is negative"):
        GUARD.call(ppf, PluginError(Problem("a gap is negative", who="renewal")))
    with pytest.raises(InputError, match=r"^no such file$"):
        GUARD.call(ppf, InputError("no such file"))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([1.0, np.nan, np.nan, 4.0], "returned NaN for 2 of 4 quantiles"),
        ([1.0, np.inf, 3.0, 4.0], "returned inf for 1 of 4 quantiles"),
        ([-np.inf, 2.0, np.nan, 4.0], "returned NaN for 2 of 4 quantiles"),
        ([1.0, 2.0], r"returned quantiles of shape \(2,\) where \(4,\) is due"),
        (np.ones((4, 1)), r"returned quantiles of shape \(4, 1\) where \(4,\) is due"),
        (7.0, r"returned quantiles of shape \(\) where \(4,\) is due"),
        (None, r"returned None where numbers are due \(quantiles\)"),
        (["a", "b", "c", "d"], "returned an object of class list where numbers are due"),
        ([1.0, [2.0], 3.0, 4.0], "returned no array of quantiles"),
    ],
)
def test_numbers_are_finite_and_as_many_as_asked_for(found: Any, told: str) -> None:
    """NaN, infinities, other shapes and things that are no numbers are told apart."""
    with pytest.raises(PluginError, match=told):
        GUARD.numbers(found, "quantiles", 4)


def test_good_numbers_pass_untouched() -> None:
    """A good column is not copied; integers and an open length are fine; so is nothing at all."""
    column = np.array([1.0, -2.5])
    assert GUARD.numbers(column, "quantiles", 2) is column
    assert GUARD.numbers([1, 2, 3], "times").tolist() == [1.0, 2.0, 3.0]
    assert len(GUARD.numbers(np.empty(0), "times")) == 0


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([1.0, 2.5], r"returned 2.5 \(not whole\) for 1 of 2 turns"),
        ([1.0, np.nan], "returned NaN for 1 of 2 turns"),
        ([1, 2**31], r"returned 2\.14748365e\+09 \(out of range\) for 1 of 2 turns"),
        (np.array([2**32 - 1, 1], np.uint32), "out of range"),
    ],
)
def test_whole_numbers_fit_their_column(found: Any, told: str) -> None:
    """Fractions, NaN and what a column cannot hold are refused, not wrapped around."""
    with pytest.raises(PluginError, match=told):
        GUARD.whole(found, "turns", 2, np.int32)


def test_good_whole_numbers_pass() -> None:
    """Any dtype that holds whole numbers in range becomes the column's."""
    for found in ([1, 2], np.array([1.0, 2.0]), np.array([1, 2], np.int8), np.array([1, 2], np.uint64)):
        column = GUARD.whole(found, "turns", 2, np.int32)
        assert (column.dtype, column.tolist()) == (np.int32, [1, 2])
