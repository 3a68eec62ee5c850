"""Options of the readers. Only declarations: what reads is imported when it is used."""

from __future__ import annotations

from typing import Literal

import attrs

from servegen_fw.plugin import setting


@attrs.frozen
class Shipped:
    """A fitted pool that comes with this distribution, or a pool file."""

    name: str = setting("", doc="a shipped pool: deepseek-r1, mm-image or m-small")
    path: str = setting("", doc="a pool file instead, as written by the fit or by save_pool", path=True)


@attrs.frozen
class Published:
    """The released client data of ServeGen, read in place."""

    path: str = setting(doc="folder with chunk-N-trace.csv files, or a root above it", path=True)
    workload: str = setting("", doc="workload below the root: deepseek-r1, or reason/deepseek-r1")
    missing: Literal["borrow", "drop", "error"] = setting(
        "borrow",
        doc="clients without length data: borrow the others' pooled distribution, drop them, or stop",
    )
    cache: bool = setting(True, doc="keep a compiled copy in the user's cache folder")


@attrs.frozen
class Azure:
    """The Azure LLM inference traces: CSV with TIMESTAMP, ContextTokens, GeneratedTokens."""

    path: str = setting(doc="the CSV file", path=True)


@attrs.frozen
class Mooncake:
    """The Mooncake traces: JSON lines with timestamp (ms), input_length, output_length, hash_ids."""

    path: str = setting(doc="the JSONL file", path=True)
    block_tokens: int = setting(512, doc="prompt tokens behind one hash id", unit="tokens", ge=1)


TimeUnit = Literal["s", "ms", "us", "ns", "iso"]


@attrs.frozen
class Jsonl:
    """A request log of one JSON object a line. Options name the keys; an empty name means that there is none."""

    path: str = setting(doc="the log file", path=True)
    timestamp: str = setting("timestamp", doc="arrival of the request")
    time_unit: TimeUnit = setting("s", doc="unit of the timestamps; iso for ISO 8601 texts")
    input: str = setting("input_tokens", doc="prompt tokens, carried history included")
    output: str = setting("output_tokens", doc="generated tokens, reasoning included")
    reason: str = setting("", doc="reasoning tokens, a part of the output")
    client: str = setting("", doc="who sent it; without it all requests belong to one client, all")
    session: str = setting("", doc="conversation within the client; its later requests become turns")
    turn: str = setting("", doc="order of the turns; by default the order of the timestamps")
    latency: str = setting(
        "", doc="seconds the request took; taken out of the think time before the next turn"
    )


@attrs.frozen
class Csv(Jsonl):
    """A request log in CSV with a header line. Options name the columns; an empty name means that there is none."""

    delimiter: str = setting(",", doc="one character between the columns", pattern=".|\t")
