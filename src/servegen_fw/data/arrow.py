"""The tables as Arrow: what is written to disk and handed to pandas, DuckDB or another tool. Imported only when needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pyarrow as pa

from servegen_fw.data.arrays import I8, AnyArray
from servegen_fw.data.digest import first_digest
from servegen_fw.data.records import COUNT_COLUMNS, STATUS_NAMES, TIME_COLUMNS, Chunks, Harness, Records
from servegen_fw.data.run import Observations
from servegen_fw.data.workload import COLUMNS, ITEM_COLUMNS, Clients, Items, Workload
from servegen_fw.errors import InputError, Problem

WORKLOAD_FORMAT = 2
"""Format 1 differs in its digest only."""
RECORDS_FORMAT = 1
META_KEY = b"servegen_fw"


def _numpy(column: pa.ChunkedArray | pa.Array, dtype: str) -> AnyArray:
    return np.ascontiguousarray(column.to_numpy(), dtype=np.dtype(dtype))


def _meta(table: pa.Table, what: str, newest: int) -> Mapping[str, Any]:
    found = (table.schema.metadata or {}).get(META_KEY)
    if found is None:
        raise InputError(Problem(f"not a {what} of servegen-fw: its metadata is missing"))
    meta: Mapping[str, Any] = json.loads(found)
    if meta.get("what") != what:
        raise InputError(Problem(f"holds a {meta.get('what')}, not a {what}"))
    if meta["format"] > newest:
        raise InputError(
            Problem(
                f"{what} format {meta['format']} is newer than this servegen-fw knows ({newest})",
                cure="upgrade servegen-fw",
            )
        )
    return meta


def workload_table(workload: Workload) -> pa.Table:
    """Return the workload as one table, items as a list column, with names and digest in the schema's metadata."""
    return workload_rows(workload).replace_schema_metadata(workload_meta(workload, workload.digest))


def workload_rows(workload: Workload, before: int = 0) -> pa.Table:
    """Return the rows as a table without metadata; `before` rows of the same workload went before them."""
    items = workload.items
    structs = pa.StructArray.from_arrays(
        [pa.array(getattr(items, name)) for name in ITEM_COLUMNS], names=list(ITEM_COLUMNS)
    )
    columns: dict[str, Any] = {name: pa.array(getattr(workload, name)) for name in COLUMNS}
    if before:
        columns["parent"] = pa.array(np.where(workload.parent < 0, -1, workload.parent + before))
    columns["items"] = pa.LargeListArray.from_arrays(pa.array(items.offsets), structs)
    columns |= {name: pa.array(column) for name, column in workload.extra.items()}
    return pa.table(columns)


def workload_meta(workload: Workload, digest: str) -> dict[bytes, bytes]:
    """Return what a workload's file says of it beside its rows; of the last slice of one that comes in slices."""
    clients = workload.clients
    meta = {
        "what": "workload",
        "format": WORKLOAD_FORMAT,
        "digest": digest,
        "duration_s": workload.duration_s,
        "clients": list(clients.names),
        "group": clients.group.tolist(),
        "groups": list(clients.groups),
        "modalities": list(workload.items.modalities),
        "notes": list(workload.notes),
    }
    return {META_KEY: json.dumps(meta).encode()}


def workload_from_table(table: pa.Table) -> Workload:
    """Return the workload of a table made by `workload_table`.

    Raises
    ------
        InputError: another kind of table, a newer format, missing columns, or rows that do not have the stored digest.
    """
    meta = _meta(table, "workload", WORKLOAD_FORMAT)
    missing = [name for name in (*COLUMNS, "items") if name not in table.column_names]
    if missing:
        raise InputError(
            Problem(f"columns are missing: {', '.join(missing)}", cure="write the workload file again")
        )
    lists = table.column("items").combine_chunks()
    structs, begin = lists.flatten(), int(lists.offsets[0].as_py()) if len(lists) else 0
    columns = {name: _numpy(structs.field(name), dtype) for name, dtype in ITEM_COLUMNS.items()}
    offsets = _numpy(lists.offsets, "i8") - begin if len(lists) else np.zeros(1, np.int64)
    workload = Workload(
        **{name: _numpy(table.column(name), dtype) for name, dtype in COLUMNS.items()},
        items=Items(offsets=offsets, modalities=tuple(meta["modalities"]), **columns),
        clients=Clients(tuple(meta["clients"]), np.array(meta["group"], np.int16), tuple(meta["groups"])),
        duration_s=float(meta["duration_s"]),
        extra={
            name: table.column(name).to_numpy()
            for name in table.column_names
            if name not in {*COLUMNS, "items"}
        },
        notes=tuple(meta["notes"]),
    )
    digest = workload.digest if meta["format"] > 1 else first_digest(workload)
    if digest != meta["digest"]:
        raise InputError(
            Problem(
                f"its rows have digest {digest[:12]}, but the file states {meta['digest'][:12]}: it was changed or damaged",
                cure="write it again with: servegen-fw generate SUITE --out FILE",
            )
        )
    return workload


def records_table(records: Records, rows: I8 | None = None) -> pa.Table:
    """Return the records (or some rows of them) as a table with a ``row`` column; status, code and finish as text.

    Chunk times are not in it, see `chunks_tables`.
    """
    take = np.arange(len(records)) if rows is None else rows
    columns: dict[str, Any] = {"row": pa.array(take)}
    columns |= {
        name: pa.array(getattr(records, name)[take]) for name in (*TIME_COLUMNS, *COUNT_COLUMNS, "chunks_n")
    }
    columns["status"] = pa.array(np.array(STATUS_NAMES)[records.status[take]])
    columns["code"] = pa.array(np.array(records.codes)[records.code[take]])
    columns["finish"] = pa.array(np.array(records.finishes)[records.finish[take]])
    harness = attrs.asdict(records.harness) | {"stall_s": records.harness.stall_s.tolist()}
    meta = {"what": "records", "format": RECORDS_FORMAT, "n": len(records), "harness": harness}
    return pa.table(columns).replace_schema_metadata({META_KEY: json.dumps(meta).encode()})


def records_from_table(table: pa.Table, chunks: Chunks | None = None) -> Records:
    """Return the records of a table made by `records_table`; rows that it lacks are pending.

    Raises
    ------
        InputError: another kind of table or a newer format.
    """
    meta = _meta(table, "records", RECORDS_FORMAT)
    stored = dict(meta["harness"])
    harness = Harness(**stored | {"stall_s": np.array(stored["stall_s"], np.float64)})
    rows = _numpy(table.column("row"), "i8")
    texts = {
        name: np.array(table.column(name).to_pylist(), dtype=object) for name in ("status", "code", "finish")
    }
    names = {
        name: ("", *sorted({text for text in texts[name].tolist() if text})) for name in ("code", "finish")
    }
    records = Records.empty(int(meta["n"]), harness)
    for name in (*TIME_COLUMNS, *COUNT_COLUMNS, "chunks_n"):
        getattr(records, name)[rows] = table.column(name).to_numpy()
    records.status[rows] = [STATUS_NAMES.index(text) for text in texts["status"]]
    for name in ("code", "finish"):
        position = {text: index for index, text in enumerate(names[name])}
        getattr(records, name)[rows] = [position[text] for text in texts[name]]
    return attrs.evolve(records, codes=names["code"], finishes=names["finish"], chunks=chunks)


def chunks_tables(chunks: Chunks) -> tuple[pa.Table, pa.Table]:
    """Return chunk times as two tables: the shared times, and the segments of them that each request saw."""
    segments = pa.table({name: pa.array(getattr(chunks, name)) for name in ("request", "begin", "end")})
    return pa.table({"t_ns": pa.array(chunks.t_ns)}), segments


def chunks_from_tables(times: pa.Table, segments: pa.Table) -> Chunks:
    """Return the chunk times of two tables made by `chunks_tables`."""
    return Chunks(
        t_ns=_numpy(times.column("t_ns"), "i8"),
        **{name: _numpy(segments.column(name), "i8") for name in ("request", "begin", "end")},
    )


def observations_table(observations: Observations) -> pa.Table:
    """Return what observers sampled: ``t_ns, target, series, value, unit``."""
    seen = observations
    return pa.table(
        {
            "t_ns": pa.array(seen.t_ns),
            "target": pa.array([seen.targets[index] for index in seen.target.tolist()], pa.string()),
            "series": pa.array([seen.names[index] for index in seen.series.tolist()], pa.string()),
            "value": pa.array(seen.value),
            "unit": pa.array([seen.units[index] for index in seen.series.tolist()], pa.string()),
        }
    )
