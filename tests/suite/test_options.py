"""The options of a config class, as everything derived from it sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from servegen_fw.errors import PluginError
from servegen_fw.hooks.setting import setting
from servegen_fw.suite.model import Load, Suite
from servegen_fw.suite.options import members, options_of

if TYPE_CHECKING:
    from fractions import Fraction


def test_options_of_a_load() -> None:
    """An option carries its key, resolved type, unit and default."""
    options = {option.key: option for option in options_of(Load)}
    duration = options["duration"]
    assert (duration.name, duration.info.unit, duration.default) == ("duration_s", "s", None)
    assert members(duration.type) == (float, type(None))
    assert not duration.required


def test_source_and_text_are_no_options() -> None:
    """A suite's origin is not something that a suite can set."""
    keys = [option.key for option in options_of(Suite)]
    assert keys[:2] == ["servegen", "name"]
    assert not {"source", "text", "overrides"} & set(keys)


def test_plain_attributes() -> None:
    """An attribute declared without `setting` is an option without doc; private ones have the key and argument attrs gives."""

    @attrs.frozen
    class Plain:
        a: int
        _b: int = 3
        c: dict[str, int] = attrs.field(factory=dict)
        d: int = attrs.field(default=0, init=False)

    a, b, c = options_of(Plain)
    assert (a.required, a.info.doc) == (True, "")
    assert (b.name, b.argument, b.default) == ("_b", "b", 3)
    assert c.default == {}


def test_unresolvable_annotation() -> None:
    """A type that exists for type checkers only is the plugin's fault, and the message says how to mend it."""

    @attrs.frozen
    class Hidden:
        value: Fraction | None = setting(None, doc="value")

    with pytest.raises(PluginError, match=r"Hidden cannot be resolved: name 'Fraction'") as caught:
        options_of(Hidden)
    assert "TYPE_CHECKING" in caught.value.problems[0].cure


@pytest.mark.parametrize(("hint", "parts"), [(int, (int,)), (int | str, (int, str)), (Any, (Any,))])
def test_members(hint: Any, parts: tuple[Any, ...]) -> None:
    """A union is taken apart; any other type stands alone."""
    assert members(hint) == parts
