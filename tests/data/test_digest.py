"""The digest of a workload that comes in slices, and the one that files of the first format state."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.data import arrow
from servegen_fw.data.digest import Digest, first_digest
from servegen_fw.data.workload import Items, Workload
from servegen_fw.errors import InputError
from servegen_fw.testing import make_workload

FIRST = "239afde83847e03072e143b20fbefa223506083926bfac4be2aea950b451df54"


def some_workload() -> Workload:
    """Four sessions of three turns with up to two items a request."""
    counts = np.arange(12) % 3
    m = int(counts.sum())
    items = Items(
        offsets=np.concatenate(([0], np.cumsum(counts))),
        modality=(np.arange(m) % 2).astype(np.int16),
        tokens=np.arange(100, 100 + m, dtype=np.int32),
        width=np.arange(m, dtype=np.int32),
        height=np.zeros(m, np.int32),
        seconds=np.arange(m) / 4,
        modalities=("image", "audio"),
    )
    return make_workload([0.5, 1.0, 1.5, 7.25], turns=3, output_tokens=20, reason_tokens=5, items=items)


@pytest.mark.parametrize("cuts", [[3], [6], [3, 6, 9], [0, 3, 3, 12]])
def test_slices_have_the_digest_of_the_whole(cuts: list[int]) -> None:
    """Wherever whole sessions are cut apart, empty slices included, the digest is that of the workload."""
    whole, digest = some_workload(), Digest()
    for begin, end in zip([0, *cuts], [*cuts, 12], strict=True):
        digest.add(whole.select(np.arange(begin, end)))
    assert digest.value == whole.digest
    assert digest.requests == 12


def test_the_order_of_slices_shows() -> None:
    """The same sessions in another order are another workload."""
    whole, digest = some_workload(), Digest()
    for begin, end in ((6, 12), (0, 6)):
        digest.add(whole.select(np.arange(begin, end)))
    assert digest.value != whole.digest


def test_columns_of_more_than_one_stretch_are_hashed_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are turned into integers at a time does not show."""
    expected = some_workload().digest
    monkeypatch.setattr("servegen_fw.data.digest._ROWS", 5)
    assert some_workload().digest == expected


def test_a_file_of_the_first_format_keeps_its_digest() -> None:
    """A table of format 1 is held to the digest that the first release wrote, and a changed one is refused."""
    assert first_digest(some_workload()) == FIRST
    table = arrow.workload_table(some_workload())
    meta = table.schema.metadata[arrow.META_KEY].replace(b'"format": 2', b'"format": 1')
    old = meta.replace(some_workload().digest.encode(), first_digest(some_workload()).encode())
    back = arrow.workload_from_table(table.replace_schema_metadata({arrow.META_KEY: old}))
    assert back.digest == some_workload().digest
    with pytest.raises(InputError, match="changed or damaged"):
        arrow.workload_from_table(table.replace_schema_metadata({arrow.META_KEY: meta}))


def test_no_rows_have_a_digest_too() -> None:
    """A workload without requests has a digest of its own kind, not that of nothing."""
    none = some_workload().select(np.empty(0, np.int64))
    assert len(none.digest) == 64
    assert none.digest != Digest().value
    assert attrs.evolve(none, duration_s=5.0).digest == none.digest
