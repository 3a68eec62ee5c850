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
class Profile:
    """A population written down instead of recorded: rate and CV window by window. Lengths come from the group."""

    rates: tuple[float, ...] = setting(
        doc="requests per second of all clients together, window by window", unit="1/s", ge=0
    )
    cv: tuple[float, ...] = setting(
        (1.0,),
        doc="coefficient of variation of each client's gaps, one for all windows or one for each",
        ge=0,
    )
    window_s: float = setting(600.0, doc="length of a window", unit="s", gt=0, key="window")
    repeat: int = setting(1, doc="how many times the windows follow each other, such as days", ge=1)
    family: str = setting("gamma", doc="gap family: gamma, weibull or another that an arrival entry offers")
    clients: int = setting(1, doc="number of clients", ge=1)
    skew: float = setting(0.0, doc="Zipf exponent of the clients' rates; 0 for equal rates", ge=0, le=10)
    name: str = setting(
        "profile", doc="name of the population and of its clients: NAME-1, the fastest, NAME-2 ..."
    )


@attrs.frozen
class LogFile:
    """What the readers of logs have in common."""

    path: str = setting(doc="the log file", path=True)
    on_bad_rows: Literal["stop", "skip"] = setting(
        "stop",
        doc="damaged rows: stop and show them, or replay the rest and say in the notes what was skipped",
    )


@attrs.frozen
class Azure(LogFile):
    """The Azure LLM inference traces: CSV with TIMESTAMP, ContextTokens, GeneratedTokens."""


@attrs.frozen
class Burstgpt(LogFile):
    """The BurstGPT traces: CSV with Timestamp (s), Request tokens, Response tokens."""


@attrs.frozen
class Mooncake(LogFile):
    """The Mooncake traces: JSON lines with timestamp (ms), input_length, output_length, hash_ids."""

    block_tokens: int = setting(512, doc="prompt tokens behind one hash id", unit="tokens", ge=1)


@attrs.frozen
class Bailian(LogFile):
    """The Bailian traces: JSON lines with chat_id, parent_chat_id, timestamp (s), lengths, turn, hash_ids."""

    block_tokens: int = setting(16, doc="prompt tokens behind one hash id", unit="tokens", ge=1)


TimeUnit = Literal["s", "ms", "us", "ns", "iso"]


@attrs.frozen
class NamedColumns(LogFile):
    """A log whose columns the suite names. An empty name means that there is none."""

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
class Jsonl(NamedColumns):
    """A request log of one JSON object a line. Options name the keys; an empty name means that there is none."""


@attrs.frozen
class Parquet(NamedColumns):
    """A request log in Parquet; a column of timestamps needs no unit. Options name the columns; an empty name: none."""


@attrs.frozen
class Csv(NamedColumns):
    """A request log in CSV with a header line. Options name the columns; an empty name means that there is none."""

    delimiter: str = setting(",", doc="one character between the columns", pattern=".|\t")
