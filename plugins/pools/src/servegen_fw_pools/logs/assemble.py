"""From the rows of a log's files to a `Log`: order, clients, conversations, and what is odd about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import Items, natural_order
from servegen_fw_pools.logs.columns import MODALITIES
from servegen_fw_pools.logs.damage import MAX_PLACES
from servegen_fw_pools.logs.log import Blocks, Log, Notice
from servegen_fw_pools.logs.oddities import order_notices, time_notices, zone_notices

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.gather import Rows

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

NAMELESS: Final = "(none)"
"""Name of the client of requests without a client id, in a log that has such ids."""

_UNIX_FROM_S: Final = 1e8
_DENSE: Final = 4


def assemble(rows: Rows, name: str, block_tokens: int = 0, notices: Sequence[Notice] = ()) -> Log:
    """Return at least one row as a log: sorted by time, sessions numbered, oddities told behind `notices`."""
    n = len(rows)
    found = list(notices)
    order, time_s, start = np.arange(n), None, ""
    if "timestamp" in rows.columns:
        raw_s, start = _seconds(rows.columns["timestamp"])
        found += [*zone_notices(rows.zones), *order_notices(rows, raw_s)]
        if np.any(raw_s[1:] < raw_s[:-1]):
            order = np.argsort(raw_s, kind="stable")
        time_s = raw_s[order]
        found += time_notices(time_s, rows, order)
    columns = {role: values[order] for role, values in rows.columns.items()}
    found += _untold(rows) + _zeros(rows, columns, order)
    reason = columns.get("reason")
    if reason is not None and (over := np.flatnonzero(reason > columns["output"])).size:
        what = f"{len(over):,} requests have more reasoning tokens than output tokens; cut at the output"
        found.append(Notice("reason-above-output", len(over), what, _places(rows, order[over])))
        reason = np.minimum(reason, columns["output"])
    clients, client = _clients(rows, columns, order, found)
    session = _sessions(rows, columns, client, found)
    return Log(
        name=name,
        time_s=time_s,
        start=start,
        input_tokens=columns["input"],
        output_tokens=columns["output"],
        reason_tokens=reason,
        client=client,
        clients=clients,
        session=session,
        turn=None if session is None else turns(session, columns.get("turn")),
        latency_s=columns.get("latency"),
        items=_items(columns, n, found),
        blocks=_blocks(rows, order, block_tokens),
        notices=tuple(found),
    )


def _seconds(at: I8 | F8) -> tuple[F8, str]:
    """Seconds from the earliest row, and its instant if times count from 1970."""
    first = at.min()
    if at.dtype.kind == "i":
        first_s, time_s = float(first) / 1e9, (at - first) / 1e9
    else:
        first_s, time_s = float(first), at - first
    if not _UNIX_FROM_S <= first_s < 2**34:
        return np.asarray(time_s), ""
    micros = int(first) // 1000 if at.dtype.kind == "i" else round(first_s * 1e6)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    return np.asarray(time_s), moment.isoformat()


def _places(rows: Rows, at: I8) -> tuple[str, ...]:
    return tuple(rows.place(int(row)) for row in at[:MAX_PLACES])


def _untold(rows: Rows) -> list[Notice]:
    meant = {"latency": "unknown", "turn": "as the times have it"}
    return [
        Notice(
            "missing-value",
            count,
            f"{count:,} requests do not tell their {role}; read as {meant.get(role, '0')}",
        )
        for role, count in rows.untold.items()
    ]


def _zeros(rows: Rows, columns: dict[str, Any], order: I8) -> list[Notice]:
    found = []
    for role in ("input", "output"):
        at = np.flatnonzero(columns[role] == 0)
        if len(at):
            what = f"{len(at):,} requests have {role}s of 0 tokens; kept"
            found.append(Notice("zero-tokens", len(at), what, _places(rows, order[at])))
    return found


def _clients(
    rows: Rows, columns: dict[str, Any], order: I8, found: list[Notice]
) -> tuple[tuple[str, ...], I4 | None]:
    """Names in natural order, and each request's index into them."""
    if "client" not in columns:
        return (), None
    code = columns["client"]
    used = np.unique(code)
    texts = rows.names["client"]
    names = [NAMELESS if k < 0 else str(texts[int(k)]) for k in used]
    if used[0] < 0:
        at = np.flatnonzero(code < 0)
        what = f"{len(at):,} requests name no client; kept as one client {NAMELESS!r}"
        found.append(Notice("no-client", len(at), what, _places(rows, order[at])))
    ranked = natural_order(names)
    rank = np.empty(len(names), np.int32)
    rank[ranked] = np.arange(len(names), dtype=np.int32)
    lookup = np.zeros(int(used[-1]) + 2, np.int32)
    lookup[used] = rank
    return tuple(names[k] for k in ranked), lookup[code]


def _sessions(rows: Rows, columns: dict[str, Any], client: I4 | None, found: list[Notice]) -> I8 | None:
    """Conversations, numbered as they begin; -1 for requests that stand alone."""
    if "chat" in columns:
        return factorize(_roots(rows, columns, found))
    if "session" not in columns:
        return None
    code = columns["session"].astype(np.int64)
    if client is not None:
        first = _first(code)
        if not np.array_equal(client[first[code]][code >= 0], client[code >= 0]):
            # Some name stands for conversations of several clients.
            code = np.where(code < 0, -1, client.astype(np.int64) * (int(code.max(initial=0)) + 1) + code)
    return factorize(code)


def factorize(code: I8) -> I8:
    """Numbers in the order in which they first come, from 0; below 0 stays -1. int64[n]."""
    if code.max(initial=-1) >= _DENSE * len(code):
        order = np.argsort(code, kind="stable")
        grouped = code[order]
        begins = np.flatnonzero(np.append(True, grouped[1:] != grouped[:-1]))
        below = int(grouped[0] < 0)
        numbers = np.full(len(begins), -1, np.int64)
        numbers[below + np.argsort(order[begins[below:]])] = np.arange(len(begins) - below)
        found = np.empty(len(code), np.int64)
        found[order] = np.repeat(numbers, np.diff(np.append(begins, len(code))))
        return found
    first = _first(code)
    used = np.flatnonzero(first[:-1] < len(code))
    number = np.full(len(first), -1, np.int64)
    number[used[np.argsort(first[used])]] = np.arange(len(used))
    return number[np.maximum(code, -1)]


def _first(code: I8) -> I8:
    """Row in which each number from 0 on first comes, n where it does not; one more element for numbers below 0."""
    n = len(code)
    first = np.full(int(code.max(initial=-1)) + 2, n, np.int64)
    first[np.maximum(code, -1)[::-1]] = np.arange(n - 1, -1, -1)
    first[-1] = n - 1
    return first


def _roots(rows: Rows, columns: dict[str, Any], found: list[Notice]) -> I8:
    """Of each request, the row that began its conversation: parents are followed as long as they are in the log.

    Where several requests name one parent, the first goes on with the conversation and the others begin their own.
    """
    chat, parent = columns["chat"], columns["parent"]
    n = len(chat)
    codes, row = np.unique(chat, return_index=True)
    row_of = {
        str(rows.names["chat"][code]): at
        for code, at in zip(codes.tolist(), row.tolist(), strict=True)
        if code >= 0
    }
    of_code = np.array([*(row_of.get(str(text), -1) for text in rows.names["parent"]), -1], np.int64)
    at = of_code[parent]
    at = np.where(at < np.arange(n), at, -1)
    child = np.flatnonzero(at >= 0)
    _, first = np.unique(at[child], return_index=True)
    forks = np.delete(child, first)
    if len(forks):
        what = f"{len(forks):,} requests go on from a request that another went on from; each begins a conversation"
        found.append(Notice("forked-conversation", len(forks), what))
        at[forks] = -1
    root = np.where(at < 0, np.arange(n), at)
    while not np.array_equal(further := root[root], root):
        root = further
    return root


def turns(session: I8, told: I4 | None) -> I4:
    """Place of each request within its session, from 0: by the numbers told, then by the order of the rows."""
    n = len(session)
    order = np.argsort(session, kind="stable") if told is None else np.lexsort((np.arange(n), told, session))
    grouped = session[order]
    begins = np.append(True, np.diff(grouped) != 0)[:n]
    at = np.arange(n)
    turn = np.empty(n, np.int32)
    turn[order] = at - np.maximum.accumulate(np.where(begins, at, 0))
    turn[session < 0] = 0
    return turn


def _items(columns: dict[str, Any], n: int, found: list[Notice]) -> Items | None:
    """Items from counts and total tokens of each modality; the total is split evenly, what is left over to the first."""
    owners, kinds, tokens = [], [], []
    shared = 0
    names = [kind for kind in MODALITIES if f"{kind}_count" in columns or f"{kind}_tokens" in columns]
    for code, kind in enumerate(names):
        total = columns.get(f"{kind}_tokens", np.zeros(n, np.int32))
        count = columns.get(f"{kind}_count", (total > 0).astype(np.int32))
        count = np.where((count == 0) & (total > 0), 1, count).astype(np.int64)
        owner = np.repeat(np.arange(n), count)
        at = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        share, rest = np.divmod(total[owner], np.maximum(count[owner], 1))
        owners.append(owner)
        kinds.append(np.full(len(owner), code, np.int16))
        tokens.append((share + (at < rest)).astype(np.int32))
        shared += int((count > 1).sum())
    if not names:
        return None
    if shared:
        what = f"{shared:,} requests tell the tokens of several items together; split evenly"
        found.append(Notice("shared-item-tokens", shared, what))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    m = len(owner)
    return Items(
        offsets=np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=n)))).astype(np.int64),
        modality=np.concatenate(kinds)[order],
        tokens=np.concatenate(tokens)[order],
        width=np.zeros(m, np.int32),
        height=np.zeros(m, np.int32),
        seconds=np.zeros(m),
        modalities=tuple(names),
    )


def _blocks(rows: Rows, order: I8, tokens: int) -> Blocks | None:
    if rows.blocks is None:
        return None
    length, ids = rows.blocks
    begin = np.cumsum(length) - length
    count = length[order]
    offsets = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
    take = np.repeat(begin[order] - offsets[:-1], count) + np.arange(offsets[-1])
    return Blocks(offsets=offsets, ids=ids[take], tokens=tokens)
