"""Mass functions are parsed exactly and safely; nothing in them is ever evaluated."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_pools.published.masses import MassError, parse_masses


@pytest.mark.parametrize("text", ["{}", "{ }"])
def test_an_empty_mapping_is_no_distribution(text: str) -> None:
    """Unused windows hold an empty mapping, which gives empty arrays."""
    values, cdf = parse_masses(text)
    assert len(values) == len(cdf) == 0


def test_support_and_cdf_of_a_written_mapping() -> None:
    """Keys come out ascending with their cumulated masses, keys of mass 0 are left out, and the last level is 1."""
    values, cdf = parse_masses("{20: 0.25, 5: 0.5, 7: 0.0, 300: 2.5e-1}")
    assert values.tolist() == [5, 20, 300]
    assert cdf.tolist() == [0.5, 0.75, 1.0]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 10**6), st.floats(1e-6, 1.0), min_size=1, max_size=50))
def test_agrees_with_python_on_every_written_mapping(masses: dict[int, float]) -> None:
    """For mappings as Python writes them, the result equals that of literal_eval, masses to 1e-12."""
    total = sum(masses.values())
    text = str({key: mass / total for key, mass in masses.items()})
    values, cdf = parse_masses(text)
    expected = sorted(ast.literal_eval(text).items())
    assert values.tolist() == [key for key, _ in expected]
    np.testing.assert_allclose(np.diff(cdf, prepend=0), [mass for _, mass in expected], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "{__import__('os').system('touch owned'): 1.0}",
        "{1: open('owned', 'w').write('x')}",
        "{1: (lambda: 1)()}",
        "{1: 10**10**10}",
        "{1: [1.0]}",
        "{'1': 1.0}",
        "{1: True}",
        "{1: nan}",
        "{1: Infinity}",
        "{1: 0x1}",
        "{1_0: 1.0}",
    ],
)
def test_code_is_never_run(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that Python would run or read otherwise are refused, and leave no trace on disk."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MassError):
        parse_masses(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "offset", "what"),
    [
        ("", 0, "mapping"),
        ("{1: 0.5, 2: 0.5", 0, "mapping"),
        ("{1: 0.5; 2: 0.5}", 7, "';'"),
        ("{1, 0.5: 2, 0.5}", 2, "':' was expected"),
        ("{1: 0.5, 2}", 10, "no probability"),
        ("{1: 0.5, 2: }", 12, "number"),
        ("{1: 0.5,: 0.5}", 8, "number"),
        ("{1: 0.5.5}", 7, "number"),
        ("{1 : , 2 3: 4}", 6, "number"),
        ("{01: 1.0}", 2, "number"),
        ("{1: 0.5, 1: 0.5}", 9, "twice"),
        ("{1: 0.5, -2: 0.5}", 9, "negative"),
        ("{1: 1.5, 2: -0.5}", 12, "probability is negative"),
        ("{1: 0.5, 2: 0.4}", 0, "sum to 0.9"),
        ("{1e999: 1.0}", 1, "not finite"),
        ("{" + "1" * 5000 + ": 1.0}", 0, "too large"),
    ],
)
def test_damage_is_told_with_its_place(text: str, offset: int, what: str) -> None:
    """Each kind of damage names what is wrong and the character where it stands."""
    with pytest.raises(MassError, match=what) as caught:
        parse_masses(text)
    assert abs(caught.value.offset - offset) <= 1


def test_any_damaged_byte_gives_a_result_or_a_mass_error() -> None:
    """Every byte of a mapping replaced by each of 12 others never raises anything but MassError."""
    text = "{12: 0.25, 13: 0.5, 140: 2.5e-01}"
    refused = 0
    for at in range(len(text)):
        for other in "{}:,. e-x\x00é9":
            try:
                values, cdf = parse_masses(text[:at] + other + text[at + 1 :])
            except MassError:
                refused += 1
            else:
                assert len(values) == len(cdf)
                assert cdf[-1] == 1
    assert refused > 300


def test_real_tables_agree_with_python(real: Callable[[str], Path]) -> None:
    """Every table of the first deepseek-r1 clients equals what literal_eval reads, to 1e-12."""
    folder = real("servegen/reason/deepseek-r1")
    for client in range(4):
        data = json.loads((folder / f"chunk-{client}-dataset.json").read_text())
        for text in (text for fields in data.values() for text in fields.values()):
            expected = {key: mass for key, mass in ast.literal_eval(text).items() if mass > 0}
            values, cdf = parse_masses(text)
            assert values.tolist() == sorted(expected)
            masses = [expected[value] for value in sorted(expected)]
            np.testing.assert_allclose(np.diff(cdf, prepend=0), masses, rtol=0, atol=1e-12)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.text("0123456789.:,{} e-+\\n'x[]", max_size=40))
def test_any_text_is_a_distribution_or_refused(text: str) -> None:
    """Whatever stands in the braces: ascending values with levels up to 1, nothing at all, or MassError."""
    found = None
    with contextlib.suppress(MassError):
        found = parse_masses("{" + text + "}")
    if found is not None:
        values, cdf = found
        assert len(values) == len(cdf)
        assert (np.diff(values) > 0).all()
        assert (np.diff(cdf) >= 0).all()
        assert len(cdf) == 0 or cdf[-1] == 1


def test_sums_off_by_rounding_are_accepted_and_mended() -> None:
    """Masses that sum to 1 within 4e-15, as published, end at exactly 1; an error of 1e-5 is refused."""
    third = 1 / 3
    assert parse_masses(f"{{1: {third}, 2: {third}, 3: {third - 4e-15}}}")[1][-1] == 1.0
    with pytest.raises(MassError, match="sum to 0.99999"):
        parse_masses(f"{{1: {third}, 2: {third}, 3: {third - 1e-5}}}")
