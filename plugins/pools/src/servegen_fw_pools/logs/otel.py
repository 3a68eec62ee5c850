"""OpenTelemetry GenAI spans: OTLP JSON (``resourceSpans``), or spans as objects with plain ``attributes``.

A request is a span with ``gen_ai.usage.input_tokens`` and ``gen_ai.usage.output_tokens`` (or the older
``prompt_tokens`` and ``completion_tokens``) whose operation is inference: agents, tools and embeddings are left out and
counted, as an agent's span repeats the usage of the spans below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
import pyarrow as pa

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.logs.cells import LARGEST
from servegen_fw_pools.logs.gather import Rows
from servegen_fw_pools.logs.instants import instants
from servegen_fw_pools.logs.json_values import codes, json_values
from servegen_fw_pools.logs.log import Notice

if TYPE_CHECKING:
    from servegen_fw_pools.logs.columns import Columns
    from servegen_fw_pools.logs.damage import Damage

ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "reason": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    "client": ("enduser.id", "user.id"),
    "session": ("gen_ai.conversation.id",),
}
_INFERENCE: Final = frozenset({"chat", "text_completion", "generate_content", "completion"})


@attrs.define
class _Spans:
    """Columns as they are filled."""

    cells: dict[str, list[Any]] = attrs.field(
        factory=lambda: {name: [] for name in (*ATTRIBUTES, "start", "end")}
    )
    file: list[int] = attrs.field(factory=list)
    line: list[int] = attrs.field(factory=list)
    other: int = 0


def read_otel(paths: Sequence[Path], columns: Columns, damage: Damage) -> tuple[Rows, list[Notice]]:
    """Read all spans; `columns` may name other attributes.

    Raises
    ------
        InputError: a file cannot be read, or `columns` names what spans tell otherwise.
    """
    names = dict(ATTRIBUTES)
    for role, name in columns.given():
        if name is not None and role not in names:
            what, cure = f"a span's {role} has no attribute to name", f"there are: {', '.join(names)}"
            raise InputError(Problem(what, who="columns", cure=cure))
        if name is not None:
            names[role] = (name,) if name else ()
    spans = _Spans()
    for number, path in enumerate(paths):
        for place, value in json_values(path, damage):
            for span in _spans(value):
                if _take(spans, span, names, place, damage):
                    spans.file.append(number)
    return _rows(spans, paths), _notices(spans)


def _notices(spans: _Spans) -> list[Notice]:
    if not spans.other:
        return []
    what = f"{spans.other:,} spans are no inference (agents, tools, embeddings, other services); left out"
    return [Notice("not-a-request", spans.other, what)]


def _spans(value: Any) -> Iterator[Any]:
    """Yield the spans of one JSON value."""
    if not isinstance(value, dict) or "resourceSpans" not in value:
        yield value
        return
    for resource in _dicts(value["resourceSpans"]):
        for scope in _dicts(resource.get("scopeSpans", resource.get("instrumentationLibrarySpans"))):
            yield from _dicts(scope.get("spans"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _take(
    spans: _Spans, span: Any, names: Mapping[str, tuple[str, ...]], place: Place, damage: Damage
) -> bool:
    """Add one span to the columns, or say why not; whether it was added."""
    facts = _attributes(span.get("attributes")) if isinstance(span, dict) else None
    if facts is None:
        problem = Problem("not a span: no attributes", place=place, cure="mend the value")
        damage.add("damaged-row", 1, [problem])
        return False
    operation = facts.get("gen_ai.operation.name")
    if not any(key.startswith("gen_ai.") for key in facts) or (operation and operation not in _INFERENCE):
        spans.other += 1
        return False
    told = {role: next((facts[key] for key in keys if key in facts), None) for role, keys in names.items()}
    who = f"span {span.get('name', '')!r}"
    problems, negatives = [], 0
    counts: dict[str, int] = {}
    for role in ("input", "output", "reason"):
        count = 0 if role == "reason" and told[role] is None else _count(told[role])
        if count is None or count < 0:
            negatives += count is not None
            what = f"{who}: {told[role]!r} is no token count ({(*names[role], role)[0]})"
            problems.append(Problem(what, place=place, cure="mend the span"))
        counts[role] = count or 0
    start, end = (
        span.get(new, span.get(old))
        for new, old in (("startTimeUnixNano", "start_time"), ("endTimeUnixNano", "end_time"))
    )
    start_ns, end_ns = _moment(start), _moment(end)
    if start_ns is None:
        problems.append(Problem(f"{who}: {start!r} is no start time", place=place, cure="mend the span"))
    elif end not in {None, ""} and (end_ns is None or end_ns < start_ns):
        problems.append(Problem(f"{who}: {end!r} is no end time", place=place, cure="mend the span"))
    if problems or start_ns is None:
        code = "negative-length" if negatives == len(problems) else "damaged-row"
        damage.add(code, 1, problems, len(problems))
        return False
    for role, count in counts.items():
        spans.cells[role].append(count)
    for role in ("client", "session"):
        spans.cells[role].append(None if told[role] is None else str(told[role]))
    spans.cells["start"].append(start_ns)
    spans.cells["end"].append(end_ns)
    spans.line.append(place.line)
    return True


def _attributes(found: Any) -> dict[str, Any] | None:
    """Attributes as a plain mapping: OTLP writes them as a list of keys with typed values."""
    if isinstance(found, dict):
        return found
    if not isinstance(found, list):
        return None
    facts = {}
    for one in _dicts(found):
        value = one.get("value")
        facts[str(one.get("key"))] = next(iter(value.values()), None) if isinstance(value, dict) else value
    return facts


def _count(value: Any) -> int | None:
    """A whole number, also one written as text, as OTLP does with 64 bits; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if abs(number) <= LARGEST and number == int(number) else None


def _moment(value: Any) -> int | None:
    """Nanoseconds since 1970 of a number or an ISO 8601 text; None for what is neither."""
    if isinstance(value, str) and not value.isdecimal():
        found = instants(pa.array([value]))
        return None if found.bad[0] else int(found.ns[0])
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    number = int(value)
    return number if 0 <= number < 2**63 else None


def _rows(spans: _Spans, paths: Sequence[Path]) -> Rows:
    cells = spans.cells
    start = np.array(cells["start"], np.int64)
    end = np.array(
        [
            np.nan if one is None else float(one - first)
            for one, first in zip(cells["end"], cells["start"], strict=True)
        ]
    )
    columns: dict[str, Any] = {"timestamp": start, "latency": end / 1e9}
    columns |= {role: np.array(cells[role], np.int32) for role in ("input", "output")}
    if any(cells["reason"]):
        columns["reason"] = np.array(cells["reason"], np.int32)
    names = {}
    for role in ("client", "session"):
        if any(cells[role]):
            columns[role], names[role] = codes(cells[role])
    return Rows(
        columns=columns,
        names=names,
        blocks=None,
        file=np.array(spans.file, np.int32),
        line=np.array(spans.line, np.int64),
        files=tuple(paths),
        zones={},
        untold={},
    )
