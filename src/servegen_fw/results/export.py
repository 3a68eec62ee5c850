"""Workloads as files: Parquet holds everything and replays; JSONL, CSV and Mooncake JSONL are for other tools."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from servegen_fw.data import arrow
from servegen_fw.data.digest import Digest
from servegen_fw.data.replacing import replacing
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem

SUFFIXES: Final = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".mooncake.jsonl": "mooncake"}
MOONCAKE_BLOCK_TOKENS: Final = 512


def write_workload(workload: Workload, path: Path, form: str | None = None) -> None:
    """Write a workload.

    Parameters
    ----------
        workload: what to write.
        path: file to make or replace.
        form: "parquet", "jsonl", "csv" or "mooncake"; None to choose by suffix.

    Raises
    ------
        InputError: the suffix says nothing, the folder does not exist, or the file cannot be written.
    """
    chosen = form or form_of(path)
    with _writing(path) as temporary:
        if chosen == "parquet":
            pq.write_table(arrow.workload_table(workload), temporary, compression="zstd")
        elif chosen == "csv":
            pa_csv.write_csv(_flat(workload), temporary)
        else:
            rows = _mooncake(workload) if chosen == "mooncake" else iter(_flat(workload).to_pylist())
            with temporary.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)


def write_slices(slices: Iterable[Workload], path: Path) -> tuple[int, str]:
    """Write a workload that comes in consecutive slices to one Parquet file, a row group each; as `write_workload` would.

    Memory holds a slice. Names, notes and digest are in the file's footer, since only the end knows them.

    Parameters
    ----------
        slices: what `compose_stream` yields: whole sessions each, parents counting the slice's own rows.
        path: file to make or replace.

    Returns
    -------
        Number of requests, and the digest of the whole.

    Raises
    ------
        InputError: the folder does not exist, the file cannot be written, or composing found something wrong.
    """
    digest = Digest()
    with _writing(path) as temporary, contextlib.ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for part in slices:
            rows = arrow.workload_rows(part, digest.requests)
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(temporary, rows.schema, compression="zstd"))
            digest.add(part)
            if rows.num_rows:
                writer.write_table(rows, row_group_size=rows.num_rows)
            last = part
        assert writer is not None  # noqa: S101 - there is one slice at least
        writer.add_key_value_metadata(arrow.workload_meta(last, digest.value))
    return digest.requests, digest.value


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """As `replacing`; what the system refuses is the user's to hear."""
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror or error}", who=str(path))) from error


def form_of(path: Path) -> str:
    """Return the format that a file's suffix names.

    Raises
    ------
        InputError: it names none.
    """
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.endswith(suffix):
            return SUFFIXES[suffix]
    cure = f"use one of {', '.join(SUFFIXES)} or give --format"
    raise InputError(Problem(f"the suffix of {path.name!r} names no format", who="--out", cure=cure))


def _flat(workload: Workload) -> pa.Table:
    """Return one plain row a request: names instead of indices, items as counts and tokens by modality."""
    clients = np.array(workload.clients.names, dtype=object)
    groups = np.array(workload.clients.groups, dtype=object)
    columns: dict[str, Any] = {
        "due_s": pa.array(np.round(workload.planned_s, 6)),
        "client": pa.array(clients[workload.client].tolist(), pa.string()),
        "group": pa.array(groups[workload.clients.group[workload.client]].tolist(), pa.string()),
    }
    for name in (
        "session",
        "turn",
        "think_s",
        "input_tokens",
        "context_tokens",
        "output_tokens",
        "reason_tokens",
    ):
        columns[name] = pa.array(getattr(workload, name))
    columns["prefix"] = pa.array(workload.prefix)
    columns["prefix_tokens"] = pa.array(workload.prefix_tokens)
    owner = np.repeat(np.arange(len(workload)), workload.items.count)
    for code, modality in enumerate(workload.items.modalities):
        mine = workload.items.modality == code
        columns[f"{modality}_count"] = pa.array(np.bincount(owner[mine], minlength=len(workload)))
        tokens = np.bincount(owner[mine], weights=workload.items.tokens[mine], minlength=len(workload))
        columns[f"{modality}_tokens"] = pa.array(tokens.astype(np.int64))
    return pa.table(columns)


def _mooncake(workload: Workload) -> Iterator[dict[str, Any]]:
    """Yield Mooncake rows: one hash id per 512-token block, equal leading ids where the tokens are shared.

    A block is shared only if all of its tokens are: with the parent's prompt and answer for carried context, with
    other requests for a shared prefix.
    """
    blocks = -(-workload.prompt_tokens // MOONCAKE_BLOCK_TOKENS)
    whole = workload.prompt_tokens // MOONCAKE_BLOCK_TOKENS
    context = workload.context_tokens // MOONCAKE_BLOCK_TOKENS
    prefix = workload.prefix_tokens // MOONCAKE_BLOCK_TOKENS
    due_ms = np.rint(workload.planned_s * 1e3).astype(np.int64)
    fresh = itertools.count()
    shared: dict[int, list[int]] = {}
    held: dict[int, list[int]] = {}
    for row in np.argsort(workload.planned_s, kind="stable").tolist():
        if (parent := int(workload.parent[row])) >= 0:
            ids = held.pop(parent)
        else:
            known = shared.setdefault(int(workload.prefix[row]), [])
            known += itertools.islice(fresh, max(0, int(prefix[row]) - len(known)))
            ids = known[: int(prefix[row])]
        ids += itertools.islice(fresh, int(blocks[row]) - len(ids))
        if (child := int(workload.child[row])) >= 0:
            # The prompt's last, partly filled block is completed by the answer and so gets another id next turn.
            held[row] = ids[: int(min(whole[row], context[child]))]
            held[row] += itertools.islice(fresh, int(context[child]) - len(held[row]))
        yield {
            "timestamp": int(due_ms[row]),
            "input_length": int(workload.prompt_tokens[row]),
            "output_length": int(workload.output_tokens[row]),
            "hash_ids": ids,
        }
