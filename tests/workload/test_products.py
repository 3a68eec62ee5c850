"""Broken products, as a user meets them: one error that names group, option and entry, whatever they do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.workload.products import CheckedFamily


class Lengths:
    """A length model that returns what a function makes of its uniforms."""

    def __init__(self, ppf: Any) -> None:
        self.ppf = ppf


class Arrivals:
    """An arrival model with given times."""

    def __init__(self, *times: float) -> None:
        self.found = times

    def unit_times(self, horizon: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return the times, whatever the horizon."""
        return np.array(self.found)


class Seconds(Arrivals):
    """An arrival model whose memory is in seconds, with given times."""

    timescale = "physical"

    def times(self, horizon_s: float, mean_rate: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return the times, whatever the horizon."""
        return np.array(self.found)


class Modulation:
    """A modulation with a given path."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def path(self, horizon_s: float, rng: np.random.Generator) -> Any:  # noqa: ARG002 - the contract's
        """Return the path, whatever the horizon."""
        return self.found


class Reasoning:
    """A reasoning model that returns what a function makes of the outputs."""

    def __init__(self, split: Any) -> None:
        self.split = lambda outputs, _u: split(outputs)


class Conversation:
    """Sessions of given turns and think times."""

    carries_context = True

    def __init__(self, turns: float = 2, think_s: float = 1.0, mean_turns: Any = 2.0) -> None:
        self.each, self.think, self.mean_turns = turns, think_s, mean_turns

    def turns(self, n: int, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return equal turns."""
        return np.full(n, self.each)

    def think_s(self, n: int, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return equal think times."""
        return np.full(n, self.think)


class Modality:
    """Pictures with given counts and columns."""

    modality = "image"

    def __init__(self, each: float = 1, **columns: Any) -> None:
        self.each, self.columns = each, columns

    def items(self, n: int, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return equal counts."""
        return np.full(n, self.each)

    def encode(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:  # noqa: ARG002 - the contract's
        """Return constant columns."""
        return {name: np.full(count, value) for name, value in self.columns.items()}


class Split(Modality):
    """Pictures of clients that differ, with a given modality for each; what is callable is called for it."""

    def __init__(self, own: Any) -> None:
        super().__init__(tokens=1)
        self.for_client = own if callable(own) else lambda _rng: own


def raising(*_arguments: Any) -> Any:
    """Raise what a careless author does not catch."""
    raise ZeroDivisionError("division by zero")


BROKEN = [
    ("input", Lengths(lambda u: np.where(u < 0.5, np.nan, 9.0)), r"length 'made' returned NaN for \d+ of \d+ quan"),
    ("output", Lengths(lambda u: np.full(len(u), np.inf)), "length 'made' returned inf for 64 of 64 quantiles"),
    ("input", Lengths(lambda u: u[:-1]), r"length 'made' returned quantiles of shape \(63,\) where \(64,\) is due"),
    ("input", Lengths(lambda _u: 7.0), r"returned quantiles of shape \(\) where"),
    ("input", Lengths(lambda _u: None), "returned None where numbers are due"),
    ("input", Lengths(raising), r"length 'made' failed in raising\(\): ZeroDivisionError: division by zero"),
    ("input", Lengths(None), r"length 'made' is an object of class Lengths, which has no method ppf\(\)"),
    ("input", None, r"length 'made' is None, which has no method ppf\(\)"),
    ("arrival", Arrivals(2.0, 1.0), r"arrival 'made' returned 1 \(below the one before it\) for 1 of 1 later times"),
    ("arrival", Arrivals(1.0, 1e9), r"returned 1e\+09 \(not below the horizon of 600\) for 1 of 2 times"),
    ("arrival", Arrivals(-1.0, 1.0), r"returned -1 \(before 0\) for 1 of 2 times"),
    ("arrival", Arrivals(1.0, np.nan), "returned NaN for 1 of 2 times"),
    ("arrival", Seconds(5.0, 601.0), r"returned 601 \(not below the horizon of 600\) for 1 of 2 times"),
    ("arrival", Seconds(5.0, 4.0), "below the one before it"),
    ("arrival", None, r"arrival 'made' is None, which has no method unit_times\(\)"),
    ("arrival", SimpleNamespace(timescale="physical"), r"has no method times\(\)"),
    ("modulation", Modulation(None), r"modulation 'made' returned a path that is not a pair"),
    ("modulation", Modulation(([0.0], [1.0], [2.0])), "not a pair"),
    ("modulation", Modulation(([], [])), "a path without breakpoints"),
    ("modulation", Modulation(([1.0], [1.0])), r"returned 1 \(not 0\) for 1 of 1 first breakpoints"),
    ("modulation", Modulation(([0.0, 9.0, 5.0], [1.0] * 3)), "5 .below the one before it. for 1 of 2 later"),
    ("modulation", Modulation(([0.0, 9.0], [1.0])), r"returned levels of shape \(1,\) where \(2,\) is due"),
    ("modulation", Modulation(([0.0, 9.0], [1.0, -1.0])), r"returned -1 \(below 0\) for 1 of 2 levels"),
    ("modulation", Modulation(([0.0, np.nan], [1.0, 1.0])), "returned NaN for 1 of 2 breakpoints"),
    ("reasoning", Reasoning(lambda n: n + 1), r"reasoning 'made' returned \d+ \(more than the output\) for 64 of 64"),
    ("reasoning", Reasoning(lambda n: n * 0 - 1), r"returned -1 \(below 0\) for 64 of 64 reason tokens"),
    ("reasoning", Reasoning(lambda n: n / 3), r"\(not whole\)"),
    ("session", Conversation(turns=0), r"conversation 'made' returned 0 \(below 1\) for 64 of 64 turns"),
    ("session", Conversation(think_s=-0.5), r"returned -0.5 \(below 0\) for 64 of 64 think times"),
    ("session", Conversation(think_s=np.nan), "returned NaN for 64 of 64 think times"),
    ("session", Conversation(mean_turns=0.5), r"returned 0.5 \(below 1\) for 1 of 1 mean_turns"),
    ("session", Conversation(mean_turns=None), "returned an object of class list where numbers are due"),
    ("session", SimpleNamespace(turns=raising, think_s=raising), "has no attribute mean_turns"),
    ("modality", Modality(each=-1, tokens=5), r"modality 'made' returned -1 \(below 0\) for 64 of 64 numbers of items"),
    ("modality", Modality(width=5), "returned items without a column of tokens"),
    ("modality", Modality(tokens=np.nan), "returned NaN for 64 of 64 items' tokens"),
    ("modality", Modality(tokens=1, seconds=-2.0), r"returned -2 \(below 0\) for 64 of 64 items' seconds"),
    ("modality", Split(None), r"modality 'made' is None, which has no method items\(\)"),
    ("modality", Split(raising), r"modality 'made' failed in raising\(\): ZeroDivisionError"),
    ("modality", Split(Modality(each=-1, tokens=5)), r"modality 'made' returned -1 \(below 0\) for 64 of 64 numbers"),
    ("modality", SimpleNamespace(items=raising, encode=raising), "has no attribute modality"),
    ("modality", SimpleNamespace(items=raising, encode=raising, modality=3), "has the modality 3, which is no name"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "product", "told"), BROKEN)
def test_a_broken_product_is_one_clear_error(kit: Any, option: str, product: Any, told: str) -> None:
    """The error names group, option and entry, says what came back and how often, and whom to tell."""
    made = kit.Made(product)
    chosen = {option: (made,) if option == "modality" else made}
    if option == "session":
        # A closed load asks for no running sessions, so the counts are those of the first block.
        load = {"kind": "closed", "concurrency": 2, "requests": 20}
    else:
        load = {"rate": 1.0, "duration_s": 600}
    with pytest.raises(PluginError, match=told) as caught:
        kit.compose(kit.synthetic(name="a", **chosen), **load)
    (problem,) = caught.value.problems
    assert problem.who == f'workload.group "a".{option}'
    assert problem.cure == "report it to the author of servegen-fw-made"


@pytest.mark.parametrize("option", ["input", "output"])
def test_lengths_over_a_recording_are_held_to_their_contract(kit: Any, option: str) -> None:
    """Models that replace recorded fields, of pools and of recorded requests, are checked just so."""
    bad = {option: kit.Made(Lengths(lambda u: u * np.nan))}
    recording = kit.compose(kit.synthetic(), rate=1.0, duration_s=100)
    for data in (kit.pool([[10]]), recording):
        with pytest.raises(PluginError, match=rf'group "a".{option}: length .made. returned NaN'):
            kit.compose(kit.recorded(data, name="a", **bad), duration_s=100)


def test_running_sessions_are_held_to_their_contract(kit: Any) -> None:
    """An open load draws sessions begun before it; those of a broken model are told too."""
    for broken, told in (
        (Conversation(turns=0), "4,096 of 4,096 turns"),
        (Conversation(think_s=-1.0), "below 0"),
    ):
        with pytest.raises(PluginError, match=told):
            kit.compose(kit.synthetic(session=kit.Made(broken)), rate=1.0, duration_s=100)


def test_a_readers_answer_is_held_to_its_contract(kit: Any) -> None:
    """A reader that returns no recording, or fails, is told; a source that is missing stays the user's error."""

    class Missing:
        def read(self) -> None:
            raise InputError(Problem("no such file", who="day.csv"))

    for product, told in (
        (SimpleNamespace(read=dict), r"reader 'made' returned an object of class dict where a ClientPool or"),
        (SimpleNamespace(read=raising), r"reader 'made' failed in raising\(\): ZeroDivisionError"),
        (None, r"reader 'made' is None, which has no method read\(\)"),
    ):
        with pytest.raises(PluginError, match=rf'^workload.group "a".source: {told}'):
            kit.compose(kit.synthetic(name="a", source=kit.Made(product), arrival=None), duration_s=9)
    with pytest.raises(InputError, match=r"^day.csv: no such file"):
        kit.compose(kit.synthetic(source=kit.Made(Missing()), arrival=None), duration_s=9)


class Gaps:
    """A gap family that returns given numbers."""

    def __init__(self, gap: float = 1.0, parameter: float = 1.0) -> None:
        self.gap, self.value = gap, parameter

    def parameter(self, cv: np.ndarray, n: np.ndarray) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return one parameter for all."""
        return np.full(len(cv), self.value)

    def gaps(self, parameter: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """Return one gap for all."""
        return np.full(len(parameter), self.gap)

    first = gaps


@pytest.mark.parametrize("counts", ["recorded", "process"])
@pytest.mark.parametrize(
    ("family", "told"),
    [
        (Gaps(parameter=np.nan), "returned NaN for 2 of 2 parameters"),
        (Gaps(gap=np.nan), "returned NaN for"),
        (Gaps(gap=-1.0), r"returned -1 \(below 0\) for"),
        (Gaps(gap=np.inf), "returned inf for"),
        (None, r"is None, which has no method parameter\(\)"),
    ],
)
def test_a_gap_family_is_held_to_its_contract(
    kit: Any, monkeypatch: pytest.MonkeyPatch, counts: str, family: Any, told: str
) -> None:
    """A family that a pool names returns finite gaps, none below 0, for both ways of counting."""
    monkeypatch.setattr(type(kit), "families", {"gamma": family})
    with pytest.raises(PluginError, match=rf'group "a".source: gap family .gamma. {told}'):
        kit.compose(kit.recorded(kit.pool([[10, 5]]), name="a", counts=counts), duration_s=1200)


def test_families_are_told_apart_as_before(kit: Any) -> None:
    """Two guards of one family are equal, so that a process knows where its law changes; those of two are not."""
    gamma = kit.families["gamma"]
    assert CheckedFamily.of(gamma, "gamma", "a") == CheckedFamily.of(gamma, "gamma", "a")
    assert CheckedFamily.of(gamma, "gamma", "a") != CheckedFamily.of(kit.families["weibull"], "weibull", "a")
