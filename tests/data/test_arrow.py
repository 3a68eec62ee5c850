"""Tables survive Arrow unchanged; what is not ours, newer or changed is refused."""

from __future__ import annotations

import json
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pytest

from servegen_fw.data import arrow
from servegen_fw.data.records import COUNT_COLUMNS, ERROR, OK, TIME_COLUMNS, Chunks, Harness, Records
from servegen_fw.data.workload import Items, Workload
from servegen_fw.errors import InputError
from servegen_fw.testing import make_workload


def some_workload() -> Workload:
    """Make sessions of two turns with images, an extra column and a note."""
    items = Items(
        offsets=np.array([0, 2, 2, 3, 3, 3, 3]),
        modality=np.array([0, 1, 0], np.int16),
        tokens=np.array([1196, 50, 252], np.int32),
        width=np.array([640, 0, 320], np.int32),
        height=np.array([480, 0, 200], np.int32),
        seconds=np.array([0.0, 2.5, 0.0]),
        modalities=("image", "audio"),
    )
    made = make_workload(
        [0.5, 1.25, 3.0],
        turns=2,
        client=[0, 1, 0],
        clients=("a", "b"),
        output_tokens=20,
        reason_tokens=5,
        items=items,
    )
    return attrs.evolve(
        made, extra={"priority": np.arange(6, dtype=np.int32)}, notes=("one length raised to 1",)
    )


def some_records() -> Records:
    """Make four rows: two good, one failed, one never begun."""
    records = Records.empty(
        4, Harness("monotonic", 12.5, cpu_s=0.25, stall_s=np.array([0.002, 0.004]), drained=False)
    )
    for at, name in enumerate(TIME_COLUMNS):
        getattr(records, name)[:3] = [at, 10 + at, 20 + at]
    for at, name in enumerate(COUNT_COLUMNS):
        getattr(records, name)[:2] = at
    records.status[:3] = [OK, OK, ERROR]
    records.code[2] = 1
    records.finish[:2] = [1, 2]
    records.chunks_n[:2] = 7
    return attrs.evolve(records, codes=("", "reset"), finishes=("", "stop", "length"))


def equal(one: Any, two: Any) -> bool:
    """Compare attrs objects column by column, NaN equal to NaN."""
    if attrs.has(type(one)):
        return type(one) is type(two) and all(
            equal(getattr(one, field.name), getattr(two, field.name)) for field in attrs.fields(type(one))
        )
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    return bool(one == two)


def test_workload_survives_arrow() -> None:
    """A workload comes back with every column, item, name, note, dtype and the same digest."""
    made = some_workload()
    back = arrow.workload_from_table(arrow.workload_table(made))
    assert equal(made, back)
    assert back.digest == made.digest


def test_empty_workload_survives_arrow() -> None:
    """A workload without requests comes back empty."""
    back = arrow.workload_from_table(arrow.workload_table(make_workload([])))
    assert len(back) == 0
    assert len(back.items) == 0


def test_sliced_table_keeps_items_with_their_requests() -> None:
    """Items stay with their request when the table was concatenated from pieces."""
    table = arrow.workload_table(some_workload())
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert equal(arrow.workload_from_table(pieces), some_workload())


@pytest.mark.parametrize("column", ["output_tokens", "client", "due_s", "think_s", "context_tokens"])
def test_changed_workload_is_refused(column: str) -> None:
    """A file whose rows were changed after it was written no longer has its digest and is refused."""
    table = arrow.workload_table(some_workload())
    at = table.column_names.index(column)
    values = table.column(column).to_numpy().copy()
    values[0] += 1
    with pytest.raises(InputError, match="changed or damaged"):
        arrow.workload_from_table(table.set_column(at, column, pa.array(values)))


def test_foreign_and_newer_tables_are_refused() -> None:
    """A table without our metadata, of another kind, of a newer format or without a column says so."""
    table = arrow.workload_table(some_workload())
    with pytest.raises(InputError, match="metadata is missing"):
        arrow.workload_from_table(table.replace_schema_metadata(None))
    with pytest.raises(InputError, match="holds a records, not a workload"):
        arrow.workload_from_table(arrow.records_table(some_records()))
    meta = json.loads(table.schema.metadata[arrow.META_KEY]) | {"format": 99}
    with pytest.raises(InputError, match="upgrade servegen-fw"):
        arrow.workload_from_table(table.replace_schema_metadata({arrow.META_KEY: json.dumps(meta)}))
    with pytest.raises(InputError, match="columns are missing: turn"):
        arrow.workload_from_table(table.drop_columns(["turn"]))


def test_records_survive_arrow() -> None:
    """Records come back with times, counts, texts behind status, code and finish, and the harness."""
    made = some_records()
    back = arrow.records_from_table(arrow.records_table(made))
    for name in (*TIME_COLUMNS, *COUNT_COLUMNS, "chunks_n", "status"):
        assert equal(getattr(made, name), getattr(back, name)), name
    assert [back.codes[code] for code in back.code] == ["", "", "reset", ""]
    assert [back.finishes[finish] for finish in back.finish] == ["stop", "length", "", ""]
    assert equal(back.harness, made.harness)


def test_some_rows_leave_the_others_pending() -> None:
    """A table of some rows gives records of full length in which the others never began."""
    back = arrow.records_from_table(arrow.records_table(some_records(), np.array([2])))
    assert len(back) == 4
    assert back.status.tolist() == [0, 0, ERROR, 0]
    assert back.due_ns.tolist() == [-1, -1, 20, -1]


def test_chunks_survive_arrow() -> None:
    """Chunk times come back with their segments."""
    made = Chunks(np.array([5, 6, 9]), np.array([0, 2]), np.array([0, 1]), np.array([3, 2]))
    assert equal(arrow.chunks_from_tables(*arrow.chunks_tables(made)), made)
