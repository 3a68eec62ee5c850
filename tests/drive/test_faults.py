"""A real client against a scripted server over loopback: what servers do wrong ends in a code, and the times are the server's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Records
from servegen_fw.drive.execute import execute
from servegen_fw.errors import BackendError
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Target
from servegen_fw.testing.openai import OpenAIAnswers
from servegen_fw.testing.script import Close, Reset, Script, Seen, Send, Stall, event, framed, reply
from servegen_fw.testing.server import ScriptedServer

GOOD = OpenAIAnswers(tokens=4, first_s=0.02, gap_s=0.005)


@pytest.fixture(scope="module")
def registry() -> Registry:
    """All installed plugins, the vllm backend among them."""
    return Registry.load()


def target_of(registry: Registry, url: str, **options: Any) -> Target:
    """Point the vllm backend at a server."""
    entry, owner = registry.find("backend", "vllm")
    return Target(backend=Choice(entry, entry.config(url=url, **options), owner))


def drive(registry: Registry, url: str, plan: Plan) -> tuple[Records, Any]:
    """Run the plan."""
    return execute(plan, target_of(registry, url), None, registry)


def row_of(seen: Seen) -> int:
    """Row of a request, from its prompt ("user 7 ")."""
    return int(seen.json()["prompt"].split()[-1])


def broken(fault: Script) -> OpenAIAnswers:
    """Answer two tokens, then play the fault."""
    return OpenAIAnswers(tokens=4, break_after=2, fault=fault)


ERROR_EVENT = event({"error": {"message": "engine died", "type": "internal", "code": 500}})

FAULTS: Sequence[tuple[str, Any, str, str, int]] = [
    ("reset inside the stream", broken([Reset()]), "error", "reset", 2),
    ("reset before the answer", [Reset()], "error", "reset", 0),
    ("closed before the answer", [Close()], "error", "closed", 0),
    ("cut off inside the stream", broken([Close()]), "truncated", "truncated", 2),
    ("stalls inside the stream", broken([Stall()]), "error", "timeout", 2),
    ("never answers", [Stall()], "error", "timeout", 0),
    ("an error inside a stream under 200", broken([Send(framed(ERROR_EVENT))]), "error", "stream-error", 2),
    ("garbage inside the stream", broken([Send(framed(event("{not json")))]), "error", "garbage", 2),
    ("garbage instead of HTTP", [Send(b"\x00\xff\x17 nonsense\r\n\r\n"), Close()], "error", "garbage", 0),
    ("an overloaded server", reply({"error": "slow down"}, 429), "error", "http-429", 0),
    ("a server error", reply({"error": "boom"}, 500), "error", "http-500", 0),
    ("a stream without finish reason", OpenAIAnswers(tokens=4, finish="none"), "truncated", "truncated", 4),
]


def test_every_fault_has_its_code_and_the_run_goes_on(lab: Any, registry: Registry) -> None:
    """Each fault of a server ends its own request with its own code; the good requests between them are untouched."""

    def answer(seen: Seen) -> Script:
        if seen.method == "POST":
            row = row_of(seen)
            if row % 2:
                fault: Script = (
                    FAULTS[row // 2][1](seen) if callable(FAULTS[row // 2][1]) else FAULTS[row // 2][1]
                )
                return fault
        return GOOD(seen)

    n = 2 * len(FAULTS)
    plan = lab.plan([(0.005 * i, []) for i in range(n)], timeout_s=1.0)
    with ScriptedServer(answer) as server:
        records, facts = drive(registry, server.url, plan)
    from servegen_fw.data.records import STATUS_NAMES

    got = [
        (STATUS_NAMES[records.status[row]], records.codes[records.code[row]], int(records.chunks_n[row]))
        for row in range(n)
    ]
    assert got[0::2] == [("ok", "", 4)] * len(FAULTS)
    wrong = [
        (name, found, (status, code, chunks))
        for (name, _, status, code, chunks), found in zip(FAULTS, got[1::2], strict=True)
        if found != (status, code, chunks)
    ]
    assert wrong == []
    assert sum(facts["driver"]["errors"].values()) == len(FAULTS)
    assert facts["driver"]["examples"]["stream-error"] == ["engine died"]
    assert records.harness.drained


def test_a_server_that_goes_away_refuses_the_rest(lab: Any, registry: Registry) -> None:
    """When the server dies in the middle of a run, what came before stands and every later request is an error."""
    server = ScriptedServer(GOOD)
    server.start()

    def stop_in_the_middle() -> None:
        while len(server.seen) < 40:
            time.sleep(0.005)
        server.stop()

    threading.Thread(target=stop_in_the_middle, daemon=True).start()
    plan = lab.plan([(0.01 * i, []) for i in range(200)], timeout_s=5.0)
    records, _ = drive(registry, server.url, plan)
    codes = [records.codes[code] for code in records.code.tolist()]
    assert codes[0] == ""
    assert set(codes[-10:]) == {"refused"}
    assert set(codes) <= {"", "refused", "reset", "closed", "truncated"}
    assert (records.done_ns >= 0).all()


def test_no_server_is_told_before_the_clock(lab: Any, registry: Registry) -> None:
    """Nothing listens: one error with the address, no records, no load."""
    server = ScriptedServer(GOOD)
    server.start()
    server.stop()
    with pytest.raises(BackendError, match="refused"):
        drive(registry, server.url, lab.plan([(0.0, [])]))


def test_a_missing_model_is_told_before_the_clock(lab: Any, registry: Registry) -> None:
    """A model that the server does not have stops the run, and nothing is sent to it."""
    with ScriptedServer(GOOD) as server, pytest.raises(BackendError, match="no-model"):
        execute(lab.plan([(0.0, [])]), target_of(registry, server.url, model="other"), None, registry)
    assert all(seen.method == "GET" for seen in server.seen)


@pytest.fixture(scope="module")
def truthful(registry: Registry) -> Iterator[tuple[Records, Any, list[Seen]]]:
    """A run of 60 requests against a paced server, with the server's own stamps."""
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    spec = spec_from_file_location("drive_lab", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with ScriptedServer(GOOD) as server:
        plan = module.Lab.plan([(0.008 * i, []) for i in range(60)])
        records, facts = drive(registry, server.url, plan)
        yield records, facts, [seen for seen in server.seen if seen.method == "POST"]


def test_reported_times_enclose_the_servers_own(truthful: Any) -> None:
    """By the server's stamps on the same clock: it read a request after we began to send it, and we read each token after it wrote it."""
    records, facts, posts = truthful
    zero = facts["driver"]["zero_ns"]
    assert len(posts) == 60
    for seen in posts:
        row = row_of(seen)
        assert records.start_ns[row] + zero <= seen.read_ns
        # wrote_ns: the head with the opening event, then one write per token; stamped after the write returned,
        # so the read may precede the stamp, but not the write before it.
        assert seen.wrote_ns[0] <= records.first_ns[row] + zero
        assert records.done_ns[row] + zero >= seen.wrote_ns[-2]


def test_reported_latencies_are_no_shorter_than_the_servers_pauses(truthful: Any) -> None:
    """The server waits 20 ms and then 5 ms between tokens: no TTFT is under 20 ms, no whole request under 35."""
    records, _, _ = truthful
    assert (records.first_ns - records.due_ns >= 20_000_000).all()
    assert (records.done_ns - records.due_ns >= 35_000_000).all()


def test_the_servers_counts_are_recorded(truthful: Any) -> None:
    """Usage and finish reason come from the stream's end."""
    records, _, _ = truthful
    assert records.output_reported.tolist() == [4] * 60
    assert {records.finishes[number] for number in records.finish.tolist()} == {"length"}
    assert (records.input_reported > 0).all()


def test_sessions_carry_their_history_over_the_wire(lab: Any, registry: Registry) -> None:
    """The prompt of a later turn holds the earlier turns and the planned answers, as the server receives it."""
    with ScriptedServer(GOOD) as server:
        records, _ = drive(registry, server.url, lab.plan([(0.0, [0.0])], duration_s=5.0))
    prompts = [seen.json()["prompt"] for seen in server.seen if seen.method == "POST"]
    assert prompts == ["user 0 ", "user 0 answer 0 user 1 "]
    assert records.due_ns[1] == records.done_ns[0]


def test_timeouts_close_their_connections(lab: Any, registry: Registry) -> None:
    """A request that timed out hangs up, so that the server can free what it held."""
    with ScriptedServer(lambda seen: [Stall()] if seen.method == "POST" else GOOD(seen)) as server:
        records, _ = drive(registry, server.url, lab.plan([(0.0, []), (0.01, [])], timeout_s=0.2))
        posts = [seen for seen in server.seen if seen.method == "POST"]
        deadline = threading.Event()
        for _ in range(100):
            if all(seen.left for seen in posts):
                break
            deadline.wait(0.05)
    assert records.status.tolist() == [2, 2]
    assert [seen.left for seen in posts] == [True, True]
