"""The formats of logs, by name."""

from __future__ import annotations

from typing import Final, Literal

FORMATS: Final[dict[str, str]] = {
    "csv": "a header line, then one request a line; columns by --column",
    "jsonl": "one JSON object a line; keys by --column",
    "parquet": "one request a row; columns by --column",
    "azure": "Azure LLM inference trace: TIMESTAMP,ContextTokens,GeneratedTokens",
    "burstgpt": "BurstGPT trace: Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    "mooncake": "Mooncake trace: timestamp (ms), input_length, output_length, hash_ids of 512 tokens",
    "bailian": "Bailian trace: chat_id, parent_chat_id, timestamp (s), lengths, turn, hash_ids of 16 tokens",
    "sharegpt": "ShareGPT conversations (JSON array); no times, tokens estimated from words",
    "otel": "OpenTelemetry GenAI spans: OTLP JSON, or one span a line",
    "servegen": "a result folder of `servegen-fw run`, its records.parquet, or a workload of `generate`",
}
"""name -> what it holds, one phrase."""

TIME_UNITS: Final = ("s", "ms", "us", "ns", "iso")

OnBadRows = Literal["stop", "skip"]
