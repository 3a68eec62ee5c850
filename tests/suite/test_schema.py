"""The JSON Schema of suites says the same as the reader: what one takes, so does the other."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.errors import InputError
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.setting import setting
from servegen_fw.suite.dump import resolved
from servegen_fw.suite.load import load_suite, suite_from_data
from servegen_fw.suite.schema import config_schema, json_schema, quantity_pattern
from servegen_fw.suite.units import ANY_UNIT, DIMENSIONS, parse_quantity

SHIPPED = sorted((Path(__file__).parents[2] / "suites").glob("*.toml"))
GROUP = '[[workload.group]]\nsource = { kind = "pool-file", name = "x" }\n'


@pytest.fixture(scope="module")
def validator(registry: Registry) -> jsonschema.Draft202012Validator:
    """A validator with the schema of the plugin's registry."""
    schema = json_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


ACCEPTED = [
    "",
    "[report]\nformats = ['page']\n",
    '[[slo]]\nmetric = "wait"\nmax = "500ms"\nwhere = { turn = 0 }\n',
    '[[slo]]\nmetric = "share"\nmin = "95 %"\n',
    f'{GROUP}share = "30 %"\nfrom = "12h"\nscale = "rate"\nmodality = ["image"]\n',
    f'{GROUP}session = {{ kind = "acme:geometric", turns = 2, think = {{ kind = "exponential", mean = 9 }} }}\n',
    '[[case]]\nname = "ramp"\nload = { rate = [["0s", "4/s"], [60, 2]], duration = "1h 30min" }\n',
    '[[case]]\nname = "c"\nload = { kind = "closed", concurrency = 2, requests = 9 }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", batch = 3, size = [1, 2], extra = [1, "x"] }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", batch = "auto", memory = "2 GiB", power = "3 W" }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", api_key = "KEY" }\nfacts = { a = { b = [1] } }\n',
]
REFUSED = [
    "sede = 1\n",
    "[report]\nformats = 'page'\n",
    "[report]\nformat = ['page']\n",
    '[[slo]]\nmax = "500ms"\n',
    '[[slo]]\nmetric = "wait"\nmax = "500 parsec"\n',
    '[[slo]]\nmetric = "wait"\nmax = 1\nwhere = { turn = -1 }\n',
    f"{GROUP}share = 0\n",
    f"{GROUP}share = true\n",
    f'{GROUP}share = "30 s"\n',
    f'{GROUP}from = "12/h"\n',
    f'{GROUP}scale = "rates"\n',
    f'{GROUP}modality = "image"\n',
    f'{GROUP}modality = ["imag"]\n',
    f'{GROUP}session = "geometric"\n',
    f'{GROUP}session = {{ kind = "geometric", turns = 2, think = {{ kind = "exponential" }} }}\n',
    f'{GROUP}session = {{ turns = 2, think = {{ kind = "exponential", mean = 1 }} }}\n',
    f'{GROUP}input = {{ kind = "exponential", mean = 1, maxx = 1 }}\n',
    '[[case]]\nname = "two words"\nload = { rate = 1, duration = 1 }\n',
    '[[case]]\nname = "x"\nload = { rate = [["0s"]], duration = 1 }\n',
    '[[case]]\nname = "x"\nload = { rate = [], duration = 1 }\n',
    '[[case]]\nname = "x"\nload = { rate = -1, duration = 1 }\n',
    '[[case]]\nname = "x"\nload = { rate = 1, duration = 0 }\n',
    '[[case]]\nname = "x"\nload = { kind = "closed", concurrency = 2.5, requests = 9 }\n',
    '[[case]]\nname = "x"\n',
    '[target.b]\nbackend = "server"\n',
    '[target.b]\nbackend = { kind = "server", url = "ftp://h" }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", batch = "big" }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", size = [1] }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", lanes = [0] }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", api_key = "a-b" }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", headers = { a = 1 } }\n',
    '[target.b]\nbackend = { kind = "server", url = "http://h", ignore_eos = "yes" }\n',
]


@pytest.mark.parametrize("more", ACCEPTED)
def test_accepts(
    good: str, more: str, validator: jsonschema.Draft202012Validator, registry: Registry
) -> None:
    """What the reader takes, the schema takes, and so it takes the resolved form."""
    data = tomli.loads(good + more)
    suite = suite_from_data(data, registry=registry)
    validator.validate(data)
    validator.validate(resolved(suite) | {"target": without_infinity(resolved(suite)["target"])})


def without_infinity(targets: dict[str, Any]) -> dict[str, Any]:
    """Drop the defaults that are infinite, which JSON has no number for."""
    return {
        name: {
            **target,
            "backend": {key: value for key, value in target["backend"].items() if value != "inf"},
        }
        for name, target in targets.items()
    }


@pytest.mark.parametrize("more", REFUSED)
def test_refuses(
    good: str, more: str, validator: jsonschema.Draft202012Validator, registry: Registry
) -> None:
    """What the reader refuses in single values, the schema refuses as well."""
    head = "" if more.startswith("[") else more
    data = tomli.loads(head + good + (more if not head else ""))
    with pytest.raises(InputError):
        suite_from_data(data, registry=registry)
    assert not validator.is_valid(data)


def test_tells_doc_unit_limits_default(registry: Registry) -> None:
    """An option's doc, unit, limits and default in SI are in the schema."""
    schema = json_schema(registry)
    load = schema["$defs"]["Load"]["properties"]
    assert load["warmup"]["description"] == "requests due earlier are sent but not judged"
    assert (load["warmup"]["x-unit"], load["warmup"]["default"]) == ("s", 0.0)
    assert load["warmup"]["anyOf"][0] == {"type": "number", "minimum": 0}
    assert load["duration"]["anyOf"][0] == {"type": "number", "exclusiveMinimum": 0}
    assert load["sessions"]["enum"] == ["reactive", "planned"]
    server = schema["$defs"]["backend.acme:server"]["properties"]
    assert server["api_key"]["x-secret"] is True
    assert schema["$defs"]["length.acme:exponential"]["description"] == "Exponential lengths"


def test_choices(registry: Registry) -> None:
    """A kind is one of its entries' tables, or a name where all options have defaults."""
    arrival = json_schema(registry)["$defs"]["arrival"]["oneOf"]
    assert arrival[0] == {"enum": ["gamma", "acme:gamma", "poisson", "acme:poisson"]}
    assert [one["$ref"] for one in arrival[1:]] == [
        "#/$defs/arrival.acme:gamma",
        "#/$defs/arrival.acme:poisson",
    ]


def test_ambiguous_names(declarations: ModuleType) -> None:
    """A name that two plugins offer is taken only with its distribution."""
    other = ModuleType("other")
    other.servegen_arrivals = declarations.servegen_arrivals  # type: ignore[attr-defined]
    installed = [point.name for point in entry_points(group="servegen_fw")]
    both = Registry.load(block=installed, plugins=[declarations, other])
    assert json_schema(both)["$defs"]["arrival"]["oneOf"][0] == {
        "enum": ["acme:gamma", "other:gamma", "acme:poisson", "other:poisson"]
    }


def test_kind_without_entries(registry: Registry, good: str) -> None:
    """A kind of which nothing is installed takes nothing."""
    validator = jsonschema.Draft202012Validator(json_schema(registry))
    data = tomli.loads(good + f'{GROUP}reasoning = "bimodal"\n')
    assert [error.json_path for error in validator.iter_errors(data)] == ["$.workload.group[1].reasoning"]


def test_one_config(registry: Registry) -> None:
    """A single config class has a schema of its own, recursion through choices included."""
    entry, _ = registry.find("conversation", "geometric")
    schema = config_schema(entry.config, registry)
    validator = jsonschema.Draft202012Validator(schema)
    assert schema["required"] == ["turns", "think"]
    assert validator.is_valid({"turns": 2, "think": {"kind": "uniform", "high": 3}})
    assert not validator.is_valid({"turns": 2, "think": {"kind": "uniform"}})


def test_recursive_config(registry: Registry) -> None:
    """An entry whose options choose entries of its own kind refers back to the kind, at any depth."""
    schema = json_schema(registry)
    parts = schema["$defs"]["length.acme:mixture"]["properties"]["parts"]
    assert parts["items"] == {"$ref": "#/$defs/length"}
    validator = jsonschema.Draft202012Validator({**schema["$defs"]["length"], "$defs": schema["$defs"]})
    leaf: dict[str, Any] = {"kind": "uniform", "high": 3}
    inner = {"kind": "mixture", "parts": [leaf]}
    assert validator.is_valid({"kind": "mixture", "parts": [leaf, inner]})
    assert not validator.is_valid({"kind": "mixture", "parts": [leaf, {"kind": "mixture", "parts": [{}]}]})


@given(
    text=st.text(alphabet="0123456789.+-eE_ /%smhinkMGBtoe", max_size=9),
    unit=st.sampled_from([*DIMENSIONS, "W", ANY_UNIT]),
)
def test_patterns(text: str, unit: str) -> None:
    """A string that a unit's pattern does not match is no quantity of the unit."""
    if not re.search(quantity_pattern(unit), text):
        with pytest.raises(ValueError):
            parse_quantity(text, unit)


@pytest.mark.parametrize("unit", [*DIMENSIONS, "W"])
def test_patterns_are_strict(unit: str) -> None:
    """A unit's pattern takes its example and no other dimension's."""
    for other, dimension in DIMENSIONS.items():
        matches = re.search(quantity_pattern(unit), dimension.example) is not None
        same = DIMENSIONS.get(unit) is dimension
        assert matches == same, (unit, other)


@attrs.frozen
class Bounded:
    """Limits of every kind."""

    a: float = setting(0.5, doc="a", ge=0, lt=1)
    b: int = setting(1, doc="b", gt=0, le=float("inf"))


def test_limits(registry: Registry) -> None:
    """All four limits have their JSON Schema word; an infinite one has none."""
    properties = config_schema(Bounded, registry)["properties"]
    assert properties["a"]["anyOf"][0] == {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
    assert properties["b"] == {"type": "integer", "exclusiveMinimum": 0, "description": "b", "default": 1}


def test_classes_of_one_name(registry: Registry) -> None:
    """Nested tables of plugins are told apart by module, those of the kernel have their short name."""
    Outer = attrs.make_class("Outer", {"inner": attrs.field(type=Bounded)})  # noqa: N806
    (label,) = config_schema(Outer, registry)["$defs"]
    assert label == f"{Bounded.__module__}.Bounded"
    assert "Load" in json_schema(registry)["$defs"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites(path: Path) -> None:
    """Every suite of the repository is taken by the reader and by the schema, and its resolved form is an equal suite."""
    installed = Registry.load()
    suite = load_suite(path, registry=installed)
    assert suite_from_data(resolved(suite), registry=installed) == suite
    jsonschema.Draft202012Validator(json_schema(installed)).validate(tomli.loads(suite.text))
