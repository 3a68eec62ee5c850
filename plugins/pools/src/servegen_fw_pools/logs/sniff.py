"""Which format a file is of, by its content."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from servegen_fw.plugin import InputError, Problem
from servegen_fw_pools.logs.formats import FORMATS
from servegen_fw_pools.logs.piece import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAMPLE: Final = 1 << 16
_LINES: Final = 50
_PACKED: Final = {
    b"\x1f\x8b": "gzip data; unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd data; unpack it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


def sniff(path: Path) -> str:
    """Return the name of a file's or folder's format, one of `FORMATS`.

    Raises
    ------
        InputError: it cannot be read, or is of no known format; tells what was seen.
    """
    if path.is_dir():
        if (path / "result.json").exists() or (path / "records.parquet").exists():
            return "servegen"
        raise _unknown(path, "a folder without result.json")
    try:
        with path.open("rb") as file:
            head = file.read(_SAMPLE)
    except OSError as error:
        raise unreadable(path, error) from error
    if head.startswith(b"PAR1"):
        return _parquet(path)
    for magic, told in _PACKED.items():
        if head.startswith(magic):
            raise _unknown(path, told)
    text = head.decode("utf-8-sig", "replace")
    begin = text.lstrip()[:1]
    if not begin:
        raise InputError(Problem("holds no requests", who=str(path), cure="give a log with at least one row"))
    if begin in "{[":
        return _json(path, text)
    return _csv(path, text)


def _unknown(path: Path, seen: str) -> InputError:
    cure = f"name the format; there are: {', '.join(FORMATS)}"
    return InputError(Problem(f"of no known format: it holds {seen}", who=str(path), cure=cure))


def _parquet(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A workload that was written in slices has its facts in the footer alone, not in the schema.
        meta = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            Problem(f"not a readable Parquet file: {error}", who=str(path), cure="check the file")
        ) from error
    return "servegen" if b"servegen_fw" in meta else "parquet"


_KEYS: Final = {
    "sharegpt": {"conversations"},
    "bailian": {"chat_id", "parent_chat_id", "hash_ids"},
    "mooncake": {"timestamp", "input_length", "output_length", "hash_ids"},
}


def _json(path: Path, text: str) -> str:
    """Tell by the keys of the first object that stands in one line; by keys anywhere if none does."""
    found = next((row for row in _objects(text.split("\n")[:_LINES]) if row), None)
    if '"resourceSpans"' in text or ('"gen_ai.' in text and (found is None or "attributes" in found)):
        return "otel"
    if found is not None:
        return next((name for name, keys in _KEYS.items() if keys <= set(found)), "jsonl")
    if '"conversations"' in text:
        return "sharegpt"
    if text.lstrip().startswith("{"):
        return "jsonl"
    raise _unknown(path, "a JSON array without conversations")


def _objects(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def _csv(path: Path, text: str) -> str:
    header = text.split("\n", 1)[0].rstrip("\r")
    if "\0" in header:
        raise _unknown(path, "bytes that are no text")
    try:
        names = {name.strip() for name in next(csv.reader([header]), [])}
    except csv.Error:
        names = set()
    if {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} <= names:
        return "azure"
    if {"Timestamp", "Request tokens", "Response tokens"} <= names:
        return "burstgpt"
    if any(mark in header for mark in ",;\t|"):
        return "csv"
    raise _unknown(path, f"text that begins with {header[:40]!r}")
