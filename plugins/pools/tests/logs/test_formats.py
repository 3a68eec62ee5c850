"""Logs of every format, as published, and how a format is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.formats import FORMATS
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.logs.read import read_log
from servegen_fw_pools.logs.sniff import sniff

from servegen_fw.cli.main import main
from servegen_fw.plugin import InputError

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
BURSTGPT = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n45.5,ChatGPT,1087,230,1317,API log\n118,GPT-4,417,0,417,Conversation log\n"
)
MOONCAKE = (
    '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]}\n'
    '{"timestamp": 3000, "input_length": 7322, "output_length": 490, "hash_ids": [0, 14]}\n'
)
BAILIAN = [
    {"chat_id": 7, "parent_chat_id": -1, "timestamp": 0.5, "input_length": 40, "output_length": 10, "type": "text", "turn": 1, "hash_ids": [1, 2, 3]},
    {"chat_id": 8, "parent_chat_id": -1, "timestamp": 1.0, "input_length": 20, "output_length": 5, "type": "search", "turn": 1, "hash_ids": [9, 4]},
    {"chat_id": 9, "parent_chat_id": 7, "timestamp": 9.5, "input_length": 70, "output_length": 12, "type": "text", "turn": 2, "hash_ids": [1, 2, 3, 5, 6]},
    {"chat_id": 10, "parent_chat_id": 7, "timestamp": 10.5, "input_length": 71, "output_length": 12, "type": "text", "turn": 2, "hash_ids": [1, 2, 3, 5, 7]},
    {"chat_id": 11, "parent_chat_id": 9, "timestamp": 11.5, "input_length": 90, "output_length": 3, "type": "text", "turn": 3, "hash_ids": [1, 2, 3, 5, 6, 8]},
    {"chat_id": 12, "parent_chat_id": 99, "timestamp": 12.5, "input_length": 90, "output_length": 3, "type": "text", "turn": 3, "hash_ids": []},
]  # fmt: skip
SHAREGPT = [
    {
        "id": "a_0",
        "conversations": [
            {"from": "human", "value": "one two three"},
            {"from": "gpt", "value": "one two three four five six"},
            {"from": "human", "value": "one two three"},
            {"from": "gpt", "value": "yes"},
        ],
    },
    {
        "id": "b_0",
        "conversations": [{"from": "gpt", "value": "early"}, {"from": "human", "value": "no answer to this"}],
    },
    {"id": "c_0", "conversations": []},
]


def otlp(attributes: dict[str, Any], start: str, end: str) -> dict[str, Any]:
    """A span as the OTLP JSON exporter writes it."""
    kinds = {int: "intValue", str: "stringValue"}
    listed = [{"key": key, "value": {kinds[type(value)]: str(value)}} for key, value in attributes.items()]
    return {"traceId": "5b8e", "spanId": "e4f9", "name": "chat m", "kind": 3, "startTimeUnixNano": start, "endTimeUnixNano": end, "attributes": listed}  # fmt: skip


def spans() -> list[dict[str, Any]]:
    """Two inferences of a conversation, an agent above them, and a database call."""
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": "k1", "user.id": "u7"}
    more = {
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 25,
    }
    return [
        otlp(chat | usage, "1700000000000000000", "1700000002500000000"),
        otlp({"gen_ai.operation.name": "invoke_agent"} | more, "1700000000000000000", "1700000009000000000"),
        otlp({"db.system": "x"}, "1700000000000000000", "1700000009000000000"),
        otlp(chat | more, "1700000004000000000", "1700000005000000000"),
    ]


def text(path: Path, content: str) -> Path:
    """Write and return a file."""
    path.write_text(content)
    return path


def codes(log: Log) -> dict[str, int]:
    """Counts of a log's notices by code."""
    return {notice.code: notice.count for notice in log.notices}


def test_azure(tmp_path: Path) -> None:
    """Seven-digit fractions to the 0.1 us, the start in UTC, no clients."""
    log = read_log([text(tmp_path / "a.csv", AZURE)])
    assert log.time_s is not None
    assert log.time_s.tolist() == pytest.approx([0, 4.314579], abs=1e-9)
    assert log.start == "2023-11-16T18:15:46.680590+00:00"
    assert log.input_tokens.tolist() == [374, 396]
    assert (log.client, log.session, log.notices) == (None, None, ())
    assert log.name == "a"


def test_burstgpt(tmp_path: Path) -> None:
    """Seconds from the first request; answers of 0 tokens, its failures, are kept and told."""
    log = read_log([text(tmp_path / "b.csv", BURSTGPT)])
    assert log.time_s is not None
    assert log.time_s.tolist() == [0, 40.5, 113]
    assert log.output_tokens.tolist() == [18, 230, 0]
    assert codes(log) == {"zero-tokens": 1}
    assert log.notices[0].where == (f"{tmp_path / 'b.csv'}:4",)


def test_mooncake(tmp_path: Path) -> None:
    """Milliseconds, and blocks of 512 tokens in the order of the requests."""
    log = read_log([text(tmp_path / "m.jsonl", MOONCAKE)])
    assert log.time_s is not None
    assert log.time_s.tolist() == [0, 3]
    assert log.start == ""
    assert log.blocks is not None
    assert (log.blocks.tokens, log.blocks.offsets.tolist(), log.blocks.ids.tolist()) == (
        512,
        [0, 3, 5],
        [0, 1, 2, 0, 14],
    )


def test_bailian(tmp_path: Path) -> None:
    """Parents make conversations; a second child begins its own, and so does one whose parent is not in the log."""
    log = read_log([text(tmp_path / "b.jsonl", "".join(json.dumps(row) + "\n" for row in BAILIAN))])
    assert log.session is not None
    assert log.turn is not None
    assert log.blocks is not None
    assert log.session.tolist() == [0, 1, 0, 2, 0, 3]
    assert log.turn.tolist() == [0, 0, 1, 0, 2, 0]
    assert log.blocks.tokens == 16
    assert np.diff(log.blocks.offsets).tolist() == [3, 2, 5, 5, 6, 0]
    assert codes(log)["forked-conversation"] == 1


def test_blocks_follow_their_requests(tmp_path: Path) -> None:
    """Rows out of order take their hash ids along."""
    lines = MOONCAKE.splitlines()
    log = read_log([text(tmp_path / "m.jsonl", "\n".join(reversed(lines)))])
    assert log.blocks is not None
    assert log.blocks.ids.tolist() == [0, 1, 2, 0, 14]
    assert codes(log) == {"unsorted": 1}


@pytest.mark.parametrize("indent", [None, 2])
def test_sharegpt(tmp_path: Path, indent: int | None) -> None:
    """Each answer is a request with all that was said before as its prompt; tokens are 4/3 of the words; no times."""
    log = read_log([text(tmp_path / "s.json", json.dumps(SHAREGPT, indent=indent))])
    assert log.time_s is None
    assert log.session is not None
    assert log.turn is not None
    assert log.input_tokens.tolist() == [4, 16]
    assert log.output_tokens.tolist() == [8, 1]
    assert log.session.tolist() == [0, 0]
    assert log.turn.tolist() == [0, 1]
    assert codes(log) == {"estimated-tokens": 2, "no-answer": 2, "answer-first": 1}
    assert "words x 4/3" in log.notices[0].what


@pytest.mark.parametrize("form", ["otlp", "otlp-indented", "lines", "array", "attributes"])
def test_otel(tmp_path: Path, form: str) -> None:
    """OTLP documents and plain spans give the same requests; agents and other spans are left out and counted."""
    found = spans()
    if form == "attributes":
        for one in found:
            one["attributes"] = {
                item["key"]: next(iter(item["value"].values())) for item in one["attributes"]
            }
    document = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": found}]}]}
    content = {
        "otlp": json.dumps(document),
        "otlp-indented": json.dumps(document, indent=2),
        "array": json.dumps(found),
    }.get(form) or "\n".join(map(json.dumps, found))
    log = read_log([text(tmp_path / "o.json", content)])
    assert log.time_s is not None
    assert log.latency_s is not None
    assert log.session is not None
    assert log.reason_tokens is not None
    assert log.time_s.tolist() == [0, 4]
    assert log.start == "2023-11-14T22:13:20+00:00"
    assert log.input_tokens.tolist() == [100, 150]
    assert log.output_tokens.tolist() == [20, 30]
    assert log.reason_tokens.tolist() == [0, 25]
    assert log.latency_s.tolist() == [2.5, 1]
    assert log.clients == ("u7",)
    assert log.session.tolist() == [0, 0]
    assert codes(log)["not-a-request"] == 2


def test_otel_of_the_console_exporter(tmp_path: Path) -> None:
    """Indented objects one after the other, with ISO times and plain attributes, older names of the usage included."""
    span = {
        "name": "chat m",
        "context": {"trace_id": "0x1"},
        "start_time": "2024-05-10T12:00:00.000001Z",
        "end_time": "2024-05-10T12:00:01.000001Z",
        "attributes": {"gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 7, "team": "red"},
    }
    log = read_log(
        [text(tmp_path / "o.json", json.dumps(span, indent=4) + "\n" + json.dumps(span, indent=4))],
        columns=Columns(client="team"),
    )
    assert log.input_tokens.tolist() == [5, 5]
    assert log.clients == ("red",)
    assert log.latency_s is not None
    assert log.latency_s.tolist() == [1, 1]


def test_options_that_a_format_has_no_use_for_are_refused(tmp_path: Path) -> None:
    """A unit for times that tell their own, and columns where there are none, are input errors and not ignored."""
    otel = text(tmp_path / "o.json", json.dumps(spans()))
    sharegpt = text(tmp_path / "s.json", json.dumps(SHAREGPT))
    with pytest.raises(InputError, match="otel tells the unit of its times itself"):
        read_log([otel], time_unit="ms")
    with pytest.raises(InputError, match="a span's turn has no attribute to name"):
        read_log([otel], columns=Columns(turn="t"))
    with pytest.raises(InputError, match="sharegpt has no columns to name"):
        read_log([sharegpt], columns=Columns(client="id"))


def test_damaged_conversations_are_told(tmp_path: Path) -> None:
    """Values that are no conversation, and broken JSON between good ones, are placed; the rest can be read."""
    good = json.dumps(SHAREGPT[0])
    broken = '{"id": "y", "conversations": [{"from": "gpt"}'
    values = [good, '{"id": "x"}', broken, good, "7"]
    lines = ",\n".join(values)
    path = text(tmp_path / "s.json", f"[\n{lines}\n]")
    with pytest.raises(InputError) as caught:
        read_log([path])
    assert [p.place.line for p in caught.value.problems if p.place] == [3, 4, 6]
    log = read_log([path], on_bad_rows="skip")
    assert codes(log)["damaged-row"] == 3
    assert log.output_tokens.tolist() == [8, 1, 8, 1]


def test_bad_spans_are_told(tmp_path: Path) -> None:
    """Spans without usage, with negative usage, without a start, that end before they start: four damaged rows."""
    good = spans()
    bad = spans()[:1] * 4
    usage = "gen_ai.usage.input_tokens"
    bad[0] = otlp({"gen_ai.operation.name": "chat"}, "1", "2")
    bad[1] = otlp({usage: -5, "gen_ai.usage.output_tokens": 1}, "1", "2")
    bad[2] = otlp({usage: 5, "gen_ai.usage.output_tokens": 1}, "", "2")
    bad[3] = otlp({usage: 5, "gen_ai.usage.output_tokens": 1}, "3", "2")
    path = text(tmp_path / "o.jsonl", "\n".join(map(json.dumps, [*good, *bad])))
    with pytest.raises(InputError) as caught:
        read_log([path])
    assert [p.place.line for p in caught.value.problems if p.place] == [5, 5, 6, 7, 8]
    log = read_log([path], on_bad_rows="skip")
    assert len(log) == 2
    assert codes(log) == {"damaged-row": 3, "negative-length": 1, "not-a-request": 2}


def test_parquet_with_a_column_map(tmp_path: Path) -> None:
    """Timestamps, dictionary ids and all columns of a map arrive; items share their tokens evenly."""
    table = pa.table(
        {
            "at": pa.array([1_700_000_001_000, 1_700_000_000_000], pa.timestamp("ms", "UTC")),
            "p": pa.array([5, 6], pa.int16()),
            "g": pa.array([7, 8], pa.uint32()),
            "who": pa.array(["u10", "u9"]).dictionary_encode(),
            "chat": pa.array([1, 1]),
            "pictures": [2, 0],
            "picture_tokens": [7, 0],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    names = Columns(
        timestamp="at", input="p", output="g", client="who", session="chat", image_count="pictures", image_tokens="picture_tokens"
    )  # fmt: skip
    log = read_log([tmp_path / "a.parquet"], columns=names)
    assert log.time_s is not None
    assert log.client is not None
    assert log.session is not None
    assert log.items is not None
    assert log.time_s.tolist() == [0, 1]
    assert log.start == "2023-11-14T22:13:20+00:00"
    assert log.input_tokens.tolist() == [6, 5]
    assert log.clients == ("u9", "u10")
    assert log.client.tolist() == [0, 1]
    # One session name, two clients: two conversations.
    assert log.session.tolist() == [0, 1]
    assert log.items.tokens.tolist() == [4, 3]
    assert log.items.offsets.tolist() == [0, 0, 2]
    assert codes(log) == {"unsorted": 1, "shared-item-tokens": 1}


def test_usual_names_are_found_and_told(tmp_path: Path) -> None:
    """Columns with usual names need no map; what was taken for what is a notice."""
    content = "time,prompt_tokens,completion_tokens,user,conversation_id\n0,1,2,a,x\n1,3,4,b,\n"
    log = read_log([text(tmp_path / "a.csv", content)])
    assert log.session is not None
    assert log.session.tolist() == [0, -1]
    assert log.clients == ("a", "b")
    (notice,) = log.notices
    assert notice.code == "columns"
    assert "timestamp=time, input=prompt_tokens" in notice.what
    without = read_log([tmp_path / "a.csv"], columns=Columns(client="", session=""))
    assert (without.client, without.session) == (None, None)


def test_unix_times_of_every_unit_are_told_by_size(tmp_path: Path) -> None:
    """The same two requests in s, ms, us and ns are the same log; anything but seconds is told."""
    logs = []
    for power in (0, 3, 6, 9):
        rows = [
            {"timestamp": (1_700_000_000 + s) * 10**power, "input_tokens": 1, "output_tokens": 1}
            for s in (0, 2)
        ]
        path = text(tmp_path / f"{power}.jsonl", "\n".join(map(json.dumps, rows)))
        logs.append(read_log([path]))
    assert [log.start for log in logs] == ["2023-11-14T22:13:20+00:00"] * 4
    assert all(log.time_s is not None and log.time_s.tolist() == [0, 2] for log in logs)
    assert ["time-unit" in codes(log) for log in logs] == [False, True, True, True]


def test_several_files_are_one_log_in_time(tmp_path: Path) -> None:
    """Files that overlap are merged by time; each being in order, nothing is told to be unsorted."""
    one = text(tmp_path / "1.csv", "timestamp,input_tokens,output_tokens,client\n100,1,1,a\n102,3,1,b\n")
    two = text(tmp_path / "2.csv", "client,timestamp,input_tokens,output_tokens\nb,101,2,1\nc,99,0,1\n")
    log = read_log([one, two])
    assert log.input_tokens.tolist() == [0, 1, 2, 3]
    assert log.clients == ("a", "b", "c")
    assert [(n.code, n.where) for n in log.notices if n.code in {"unsorted", "zero-tokens"}] == [
        ("unsorted", (f"{two}:3",)),
        ("zero-tokens", (f"{two}:3",)),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("azure", AZURE),
        ("burstgpt", BURSTGPT),
        ("mooncake", MOONCAKE),
        ("mooncake", "{broken\n" + MOONCAKE),
        ("bailian", json.dumps(BAILIAN[0])),
        ("sharegpt", json.dumps(SHAREGPT)),
        ("sharegpt", json.dumps(SHAREGPT, indent=1)),
        ("sharegpt", "\n".join(map(json.dumps, SHAREGPT))),
        ("otel", json.dumps(spans()[0])),
        ("csv", "a;b;c\n1;2;3\n"),
        ("jsonl", '{"a": 1}\n'),
    ],
)
def test_formats_are_found_by_content(tmp_path: Path, name: str, content: str) -> None:
    """Whatever the file is called, its content tells the format."""
    assert sniff(text(tmp_path / "some.log", content)) == name


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"\x1f\x8b\x08abc", "gzip data"),
        (b"just words\nand more\n", "text that begins with 'just words'"),
        (b"[1, 2]", "a JSON array"),
        ("a,b".encode("utf-16"), "UTF-16"),
        (b"\x00\x01\x02", "bytes that are no text"),
    ],
)
def test_an_unknown_format_is_answered_with_what_was_seen(tmp_path: Path, content: bytes, seen: str) -> None:
    """The message says what the file holds and lists the formats."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_log([tmp_path / "x"])
    assert seen in str(caught.value)
    assert all(name in str(caught.value) for name in FORMATS)


def test_files_of_several_formats_are_refused(tmp_path: Path) -> None:
    """A CSV beside JSON lines is told with what each is."""
    files = [text(tmp_path / "a", AZURE), text(tmp_path / "b", MOONCAKE)]
    with pytest.raises(InputError, match=r"several formats .*a: azure, .*b: mooncake"):
        read_log(files)


def test_a_generated_workload_is_known_by_its_footer(tmp_path: Path) -> None:
    """`generate` writes facts behind the rows; what it wrote is read as ours, with its images, and not as any Parquet."""
    suite, out = tmp_path / "images.toml", tmp_path / "images.parquet"
    suite.write_text(
        'servegen = 1\nname = "images"\n[target.sim]\nbackend = "sim"\n'
        '[[workload.group]]\nsource = { kind = "pool", name = "mm-image" }\n'
        '[[case]]\nname = "one"\nload = { kind = "open", rate = "2/s", duration = "2min" }\n'
    )
    with pytest.raises(SystemExit) as stop:
        main(["generate", str(suite), "--out", str(out)])
    assert not stop.value.code
    assert sniff(out) == "servegen"
    log = read_log([out])
    assert log.items is not None
    assert log.items.modalities == ("image",)
    assert log.client is not None


@pytest.mark.parametrize("paths", [[], ["nothing.csv"], ["."]])
def test_what_is_no_file_is_an_input_error(paths: list[str], tmp_path: Path) -> None:
    """No path, a missing file and a folder without a result are told."""
    with pytest.raises(InputError):
        read_log([tmp_path / path for path in paths])
    with pytest.raises(InputError, match="no format is called 'xml'"):
        read_log(["x"], format="xml")


def test_the_real_traces(real: Callable[[str], Path]) -> None:
    """Azure: 19,366 requests from 18:15:46 on; Mooncake: 12,031 with 288,500 blocks; neither is damaged or has a gap."""
    azure = read_log([real("azure/AzureLLMInferenceTrace_conv.csv")])
    assert (len(azure), azure.start) == (19_366, "2023-11-16T18:15:46.680590+00:00")
    assert azure.notices == ()
    mooncake = read_log([real("mooncake/conversation_trace.jsonl")])
    assert mooncake.blocks is not None
    assert (len(mooncake), len(mooncake.blocks.ids)) == (12_031, 288_500)
    assert set(codes(mooncake)) == {"duplicate-time"}
