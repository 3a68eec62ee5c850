"""Client pools and request logs for servegen-fw: readers, and pools fitted from the published client data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from servegen_fw.plugin import CommandEntry, ReaderEntry, hookimpl
from servegen_fw_pools import options

_HERE = "servegen_fw_pools"


@hookimpl
def servegen_readers() -> list[ReaderEntry]:
    """Offer sources of client pools and of recorded requests."""
    return [
        ReaderEntry(
            name="pool",
            config=options.Shipped,
            make=f"{_HERE}.shipped:make",
            summary="a shipped or saved pool of clients",
        ),
        ReaderEntry(
            name="servegen-data",
            config=options.Published,
            make=f"{_HERE}.published.reader:make",
            summary="the published ServeGen client data, compiled and cached",
        ),
        ReaderEntry(
            name="profile",
            config=options.Profile,
            make=f"{_HERE}.profile:make",
            summary="a population written in the suite: rates and CVs window by window",
        ),
        ReaderEntry(
            name="azure",
            config=options.Azure,
            make=f"{_HERE}.logs.readers:make_azure",
            summary="an Azure LLM inference trace (CSV)",
        ),
        ReaderEntry(
            name="burstgpt",
            config=options.Burstgpt,
            make=f"{_HERE}.logs.readers:make_burstgpt",
            summary="a BurstGPT trace (CSV)",
        ),
        ReaderEntry(
            name="mooncake",
            config=options.Mooncake,
            make=f"{_HERE}.logs.readers:make_mooncake",
            summary="a Mooncake trace (JSONL) with shared prefixes",
        ),
        ReaderEntry(
            name="bailian",
            config=options.Bailian,
            make=f"{_HERE}.logs.readers:make_bailian",
            summary="a Bailian trace (JSONL) with conversations and shared prefixes",
        ),
        ReaderEntry(
            name="csv",
            config=options.Csv,
            make=f"{_HERE}.logs.readers:make_csv",
            summary="a request log in CSV",
        ),
        ReaderEntry(
            name="jsonl",
            config=options.Jsonl,
            make=f"{_HERE}.logs.readers:make_jsonl",
            summary="a request log in JSON lines",
        ),
        ReaderEntry(
            name="parquet",
            config=options.Parquet,
            make=f"{_HERE}.logs.readers:make_parquet",
            summary="a request log in Parquet",
        ),
    ]


@hookimpl
def servegen_commands() -> list[CommandEntry]:
    """Offer what is done with logs and pools."""
    return [
        CommandEntry(
            name="characterize",
            make=f"{_HERE}.characterize.command:make",
            summary="Describe a log or a pool: arrivals, lengths, clients and more.",
        ),
        CommandEntry(
            name="fit",
            make=f"{_HERE}.fit.command:make",
            summary="Fit a client pool from a log or from published client data.",
        ),
        CommandEntry(
            name="pool",
            make=f"{_HERE}.pool.command:make",
            summary="List, show, filter, merge, scale and sample client pools.",
        ),
    ]


@hookimpl
def servegen_check(suite: Any) -> Sequence[tuple[str, str, str]]:
    """Report unknown shipped pools, missing files and profiles that do not fit, each with the place of its option."""
    from servegen_fw_pools.checks import check

    return check(suite)
