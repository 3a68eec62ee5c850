"""One file for a client pool: an Arrow IPC file with a checksum, memory-mapped when it is opened.

The file holds one record batch of one row; each array of the pool is that row's list in a column of its own, so that
any Arrow reader can look inside and the buffers serve as numpy arrays without a copy. The schema's metadata holds
the small facts as JSON and a *seal*: format version and CRC-32 of the whole file with the CRC's own digits read as
zeros. The seal is checked before Arrow parses anything.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.data.replacing import replacing
from servegen_fw.errors import InputError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from servegen_fw.data.arrays import AnyArray

POOL_FORMAT = 2
"""Version of the layout; a file of a higher version is refused. Version 1 knew nothing of sessions and dependence."""

_MAGIC = b"ARROW1"
_SEAL = b"servegen-pool-seal/"
_VERSION_DIGITS = 4
_CRC_DIGITS = 8
_SEAL_LENGTH = len(_SEAL) + _VERSION_DIGITS + 1 + _CRC_DIGITS
_DTYPES = {
    "count": "float64",
    "cv": "float64",
    "family": "int16",
    "table": "int32",
    "offsets": "int64",
    "value": "float64",
    "cdf": "float64",
    "rank": "float64",
}
_FACTS = (
    "name",
    "clients",
    "start_s",
    "window_s",
    "families",
    "fields",
    "table_window_s",
    "carries_context",
    "pairs",
)


def save_pool(pool: ClientPool, path: str | os.PathLike[str], *, compress: bool = False) -> None:
    """Write `pool` to one file, atomically: a reader sees the old file or the new one, never a part.

    Parameters
    ----------
        pool: what to write; `meta` must be JSON-able.
        path: the file; its folder must exist.
        compress: zstd, for small files to ship. An uncompressed file is memory-mapped by `open_pool` without a copy.

    Raises
    ------
        InputError: the file cannot be written.
    """
    path = Path(path)
    body = _sealed(_arrow_bytes(pool, compress=compress))
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(body)
    except OSError as error:
        raise InputError(
            Problem(
                f"cannot write the pool: {error.strerror}",
                who=str(path),
                cure="choose a folder that exists and may be written to",
            )
        ) from error


def open_pool(path: str | os.PathLike[str]) -> ClientPool:
    """Open a file written by `save_pool`; uncompressed arrays are read-only views of the mapped file.

    Takes about 1 ms, and 0.4 ms for each MB, which is the price of the checksum.

    Raises
    ------
        InputError: the file is missing, not a pool, of a newer format, cut short or damaged.
    """
    import pyarrow as pa

    path = Path(path)
    try:
        with path.open("rb") as file:
            # An empty file cannot be mapped; it gets the message of a foreign one.
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except OSError as error:
        raise _refusal(
            path, f"cannot be read: {error.strerror}", "check the path of the pool file"
        ) from error
    _check_seal(path, whole)
    try:
        with pa.ipc.open_file(pa.py_buffer(whole)) as reader:
            return _pool(reader.get_batch(0), reader.schema.metadata)
    except (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise _refusal(
            path, f"is sealed but not a client pool: {error}", "write it with save_pool"
        ) from error


def _refusal(path: Path, what: str, cure: str) -> InputError:
    return InputError(Problem(what, who=str(path), cure=cure))


def _arrow_bytes(pool: ClientPool, *, compress: bool) -> bytearray:
    import pyarrow as pa

    arrays = {name: getattr(pool, name) for name in ("count", "cv", "family", "table", "rank")}
    arrays |= {name: getattr(pool.tables, name) for name in ("offsets", "value", "cdf")}
    facts = {name: getattr(pool, name) for name in _FACTS}
    facts |= {"shape": pool.table.shape, "windows": pool.count.shape[1], "linear": pool.tables.linear}
    facts["meta"] = dict(pool.meta)
    columns = {
        name: _one_row(np.ascontiguousarray(array, _DTYPES[name]).ravel()) for name, array in arrays.items()
    }
    blank = _SEAL + f"{POOL_FORMAT:0{_VERSION_DIGITS}d}".encode() + b":" + b"0" * _CRC_DIGITS
    # A "/" may be written as "\\/" in JSON: no fact can then be mistaken for a seal.
    text = json.dumps(facts, ensure_ascii=False).replace(_SEAL.decode(), _SEAL.decode()[:-1] + "\\/")
    schema = pa.schema(
        [(name, column.type) for name, column in columns.items()],
        metadata={"servegen_seal": blank, "servegen_pool": text.encode()},
    )
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if compress else None)
    with pa.ipc.new_file(sink, schema, options=options) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))
    return bytearray(sink.getvalue())


def _one_row(array: AnyArray) -> pa.LargeListArray:
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array([0, len(array)], pa.int64()), pa.array(array))


def _sealed(body: bytearray) -> bytearray:
    """Fill in the CRC: the schema, and with it the blank seal, stands at the file's start and again in its footer."""
    digits = f"{zlib.crc32(body):0{_CRC_DIGITS}x}".encode()
    for at in (body.find(_SEAL), body.rfind(_SEAL)):
        body[at + _SEAL_LENGTH - _CRC_DIGITS : at + _SEAL_LENGTH] = digits
    return body


def _check_seal(path: Path, whole: mmap.mmap | bytes) -> None:
    if whole[: len(_MAGIC)] != _MAGIC:
        raise _refusal(path, "is not a pool file", "give a file that save_pool or the fit wrote")
    first, last = whole.find(_SEAL), whole.rfind(_SEAL)
    if first < 0:
        raise _refusal(
            path, "is an Arrow file, but not a pool", "give a file that save_pool or the fit wrote"
        )
    seal = whole[first : first + _SEAL_LENGTH]
    version = seal[len(_SEAL) : len(_SEAL) + _VERSION_DIGITS]
    if version.isdigit() and int(version) > POOL_FORMAT:
        what = f"has pool format {int(version)}; this release reads up to {POOL_FORMAT}"
        raise _refusal(path, what, "upgrade servegen-fw, or write the pool again with this release")
    crc, at = 0, 0
    with memoryview(whole) as view:
        for begin in (first, last):
            end = begin + _SEAL_LENGTH
            crc = zlib.crc32(b"0" * _CRC_DIGITS, zlib.crc32(view[at : end - _CRC_DIGITS], crc))
            at = end
        crc = zlib.crc32(view[at:], crc)
    whole_seal = _SEAL + version + f":{crc:0{_CRC_DIGITS}x}".encode()
    if (
        not version.isdigit()
        or first == last
        or seal != whole_seal
        or whole[last : last + _SEAL_LENGTH] != whole_seal
    ):
        cut = whole[-len(_MAGIC) :] != _MAGIC
        what = "is cut short" if cut else "is damaged: its checksum does not match"
        raise _refusal(path, what, "fetch or write the file again; a cache may simply be deleted")


def _pool(batch: pa.RecordBatch, metadata: dict[bytes, bytes]) -> ClientPool:
    facts: dict[str, Any] = json.loads(metadata[b"servegen_pool"])
    fields, clients, table_windows = facts["shape"]
    per_window = (clients, facts["windows"])

    def array(name: str, *shape: int) -> AnyArray:
        column = batch.column(name).values.to_numpy(zero_copy_only=True)
        if column.dtype != _DTYPES[name]:
            raise TypeError(f"column {name} is {column.dtype}, not {_DTYPES[name]}")
        return np.asarray(column.reshape(shape))

    offsets = array("offsets", -1)
    tables = Tables(offsets, array("value", -1), array("cdf", -1), bool(facts["linear"]))
    if len(facts["clients"]) != clients or len(facts["fields"]) != fields:
        raise ValueError("client or field names do not match the arrays")
    if not len(offsets) or np.any(np.diff(offsets, prepend=0) < 0) or offsets[-1] != len(tables.value):
        raise ValueError("table offsets do not match the tables")
    # A file of format 1 has no pairs, and says nothing of sessions.
    pairs = tuple((str(one), str(other)) for one, other in facts.get("pairs", ()))
    rank = array("rank", len(pairs), clients) if pairs else np.empty((0, 0))
    return ClientPool(
        name=facts["name"],
        clients=tuple(facts["clients"]),
        start_s=facts["start_s"],
        window_s=facts["window_s"],
        count=array("count", *per_window),
        cv=array("cv", *per_window),
        family=array("family", *per_window),
        families=tuple(facts["families"]),
        fields=tuple(facts["fields"]),
        tables=tables,
        table=array("table", fields, clients, table_windows),
        table_window_s=facts["table_window_s"],
        carries_context=bool(facts.get("carries_context", False)),
        pairs=pairs,
        rank=rank,
        meta=facts["meta"],
    )
