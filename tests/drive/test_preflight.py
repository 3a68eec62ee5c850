"""Servers are visited before anything is sent, and what a wire cannot carry is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw import InputError, Registry, Result, run
from servegen_fw.data.payload import Payloads, Request
from servegen_fw.data.workload import Items
from servegen_fw.drive.preflight import lacking, preflight
from servegen_fw.errors import BackendError
from servegen_fw.hooks.entries import BackendEntry
from servegen_fw.hooks.protocols import Sink
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.suite.load import parse_suite
from servegen_fw.testing import make_workload

SUITE = """
servegen = 1
name = "s"
[target.here]
backend = "there"
[target.gone]
backend = "absent"
[target.sim]
backend = { kind = "sim", profile = "llama-3-8b-h100" }
[workload]
prompts = "random-tokens"
[[workload.group]]
arrival = "poisson"
input = { kind = "fixed", value = 10 }
output = { kind = "fixed", value = 2 }
[[case]]
name = "c"
load = { rate = 5, duration = 2 }
"""

visits: list[str] = []


class There:
    """A server that is there and takes text only."""

    def __init__(self, config: object) -> None:
        del config

    async def start(self) -> Mapping[str, Any]:
        """Answer."""
        visits.append("start")
        return {"version": "7"}

    async def send(self, request: Request, sink: Sink) -> None:
        """Answer one token."""
        del request
        sink.sent()
        sink.chunk()
        sink.finish("stop")

    async def stop(self) -> None:
        """Leave."""
        visits.append("stop")


class Absent(There):
    """A server that is not there."""

    async def start(self) -> Mapping[str, Any]:
        """Refuse."""
        raise BackendError("refused", "nothing listens on 127.0.0.1:9")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """All plugins and two servers, one of them not there."""
    module = ModuleType("acme_servers")
    entries = [
        BackendEntry(name="there", make=There, capabilities=frozenset({"text"})),
        BackendEntry(name="absent", make=Absent, capabilities=frozenset({"text"})),
    ]
    module.__dict__["servegen_backends"] = hookimpl(specname="servegen_backends")(lambda: entries)
    monkeypatch.setitem(sys.modules, "acme_servers", module)
    visits.clear()
    return Registry.load(plugins=[module])


def test_every_target_is_visited_and_left(registry: Registry) -> None:
    """A server that is there tells its facts and is left again; one that is not is named; a simulated one is not visited."""
    suite = parse_suite(SUITE, registry=registry)
    reached, failed = preflight(suite.targets, registry)
    assert reached["here"].facts == {"version": "7"}
    assert reached["here"].capabilities == {"text"}
    assert reached["sim"].capabilities is None
    assert {name: error.code for name, error in failed.items()} == {"gone": "refused"}
    assert visits == ["start", "stop", "stop"]


def test_a_wire_that_cannot_carry_the_prompts_is_refused(registry: Registry, tmp_path: Any) -> None:
    """Token ids for a server that takes text only are an input error before anything is sent or stored."""
    suite = parse_suite(SUITE, source="s.toml", registry=registry)
    with pytest.raises(
        InputError, match="s.toml:5:11: target.here.backend: cannot carry what the workload holds: token-ids"
    ):
        run(suite, registry=registry, out=tmp_path / "r", targets=["here"])
    assert not (tmp_path / "r").exists()


def test_a_server_that_goes_away_loses_nothing_measured(registry: Registry, tmp_path: Any) -> None:
    """If a server is gone when its second case begins, the first case stays stored and the result is partial."""
    text = (
        SUITE.replace('"random-tokens"', '"random-words"')
        + '[[case]]\nname = "d"\nload = { rate = 5, duration = 1 }\n'
    )
    suite = parse_suite(text, source="s.toml", registry=registry)
    begun: list[int] = []

    async def start(self: There) -> Mapping[str, Any]:
        del self
        begun.append(1)
        if len(begun) > 2:
            raise BackendError("refused", "nothing listens any more")
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(There, "start", start)
        with pytest.raises(InputError, match="here was not there when d began: nothing listens any more"):
            run(suite, registry=registry, out=tmp_path / "r", targets=["here"])
    result = Result.open(tmp_path / "r")
    assert (result.state, result.verdict) == ("partial", "INVALID")
    assert [cell.case for cell in result.report.cells] == ["c"]
    assert result.records("c").num_rows > 0


def test_modalities_must_be_carried() -> None:
    """Items of a modality that the wire does not carry are named; those that no request has are not needed."""
    items = Items(
        offsets=np.array([0, 1, 1]),
        modality=np.array([1], np.int16),
        tokens=np.array([252], np.int32),
        width=np.zeros(1, np.int32),
        height=np.zeros(1, np.int32),
        seconds=np.zeros(1),
        modalities=("audio", "image"),
    )
    workload = attrs.evolve(make_workload([0.0, 1.0]), items=items)
    payloads = Payloads("text", ["a", "b"], ["", ""])
    assert lacking(frozenset({"text"}), workload, payloads) == ["image"]
    assert lacking(frozenset({"text", "image"}), workload, payloads) == []
    assert lacking(None, workload, payloads) == []
