"""The pool file: what is written is what is opened, and nothing damaged is opened."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import attrs
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.errors import InputError
from servegen_fw.workload import pool_file
from servegen_fw.workload.pool_file import open_pool, save_pool


def make_pool(clients: int = 3, windows: int = 4, knots: int = 7, *, linear: bool = False) -> ClientPool:
    """A pool of two fields with a table per client, and none for the last client's second field."""
    rng = np.random.default_rng(7)
    tables = 2 * clients - 1
    cdf = np.sort(rng.random((tables, knots)), axis=1)
    cdf[:, -1] = 1
    cdf[:, 0] = 0 if linear else cdf[:, 0]
    table = np.arange(2 * clients, dtype=np.int32).reshape(2, clients, 1)
    table[1, -1, 0] = -1
    count = rng.integers(0, 50, (clients, windows)).astype(float)
    return ClientPool(
        name="ëxample",
        clients=tuple(f"client-{i}" for i in range(clients)),
        start_s=43200.0,
        window_s=600.0,
        count=count,
        cv=rng.random((clients, windows)),
        family=np.where(count > 0, 1, -1).astype(np.int16),
        families=("gamma", "weibull"),
        fields=("input_tokens", "output_tokens"),
        tables=Tables(
            np.arange(tables + 1, dtype=np.int64) * knots,
            np.sort(rng.integers(1, 999, (tables, knots)), axis=1).ravel().astype(float),
            cdf.ravel(),
            linear,
        ),
        table=table,
        table_window_s=2400.0,
        carries_context=True,
        pairs=(("input_tokens", "output_tokens"), ("output_tokens", "reason_ratio")),
        rank=rng.uniform(-1, 1, (2, clients)),
        meta={"source": "made up", "error": {"ks": 0.25}, "missing": ["client-9"]},
    )


def assert_same(left: ClientPool, right: ClientPool) -> None:
    """Every fact and every array agrees bit for bit, dtypes included."""
    for field in attrs.fields(ClientPool):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            np.testing.assert_array_equal(a, b, field.name)
        elif field.name != "tables":
            assert a == b, field.name
    for name in ("offsets", "value", "cdf"):
        np.testing.assert_array_equal(getattr(left.tables, name), getattr(right.tables, name))
    assert left.tables.linear is right.tables.linear


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_what_is_saved_is_what_is_opened(tmp_path: Path, compress: bool, linear: bool) -> None:
    """Names, facts, arrays and dtypes survive the file bit for bit."""
    pool = make_pool(linear=linear)
    save_pool(pool, tmp_path / "a.pool", compress=compress)
    assert_same(pool, open_pool(tmp_path / "a.pool"))


def test_a_pool_without_clients_survives(tmp_path: Path) -> None:
    """A population of nobody is a valid file too."""
    pool = attrs.evolve(
        make_pool(),
        clients=(),
        count=np.empty((0, 4)),
        cv=np.empty((0, 4)),
        family=np.empty((0, 4), np.int16),
        table=np.empty((2, 0, 1), np.int32),
        rank=np.empty((2, 0)),
        tables=Tables(np.zeros(1, np.int64), np.empty(0), np.empty(0)),
    )
    save_pool(pool, tmp_path / "a.pool")
    assert_same(pool, open_pool(tmp_path / "a.pool"))


def test_uncompressed_arrays_are_views_of_the_file(tmp_path: Path) -> None:
    """Opening an uncompressed pool copies no array: each is a read-only view of memory it does not own."""
    save_pool(make_pool(), tmp_path / "a.pool")
    pool = open_pool(tmp_path / "a.pool")
    for array in (pool.count, pool.cv, pool.family, pool.table, pool.tables.value, pool.tables.cdf):
        assert not array.flags.owndata
        assert not array.flags.writeable


def test_an_open_pool_outlives_its_replacement(tmp_path: Path) -> None:
    """A pool that is still mapped keeps its numbers when the file is written anew."""
    save_pool(make_pool(), tmp_path / "a.pool")
    before = open_pool(tmp_path / "a.pool")
    expected = make_pool()
    save_pool(make_pool(clients=9), tmp_path / "a.pool")
    assert_same(before, expected)
    assert len(open_pool(tmp_path / "a.pool").clients) == 9


def test_the_same_pool_gives_the_same_bytes(tmp_path: Path) -> None:
    """The file holds no time stamp and nothing else that varies between two writes."""
    for name in ("a", "b"):
        save_pool(make_pool(), tmp_path / name, compress=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_arrow_readers_can_look_inside(tmp_path: Path) -> None:
    """The sealed file is still a valid Arrow IPC file with the arrays as columns."""
    pool = make_pool()
    save_pool(pool, tmp_path / "a.pool")
    table = pa.ipc.open_file(tmp_path / "a.pool").read_all()
    assert table.num_rows == 1
    assert table["count"][0].as_py() == pool.count.ravel().tolist()


@pytest.mark.parametrize("compress", [False, True])
def test_any_flipped_bit_is_noticed(tmp_path: Path, compress: bool) -> None:
    """A bit flipped in any byte of the seals, and in every 7th of the rest, is refused with the file's name."""
    path = tmp_path / "a.pool"
    save_pool(make_pool(clients=2, windows=2, knots=2), path, compress=compress)
    whole = path.read_bytes()
    seals = [whole.find(pool_file._SEAL), whole.rfind(pool_file._SEAL)]
    places = {*range(0, len(whole), 7), *(begin + i for begin in seals for i in range(32))}
    for at in sorted(places):
        body = bytearray(whole)
        body[at] ^= 1 << (at % 8)
        path.write_bytes(body)
        with pytest.raises(InputError, match=r"a\.pool"):
            open_pool(path)


def test_any_cut_is_noticed(tmp_path: Path) -> None:
    """A file cut at any length, the empty one included, is refused."""
    path = tmp_path / "a.pool"
    save_pool(make_pool(clients=2, windows=2, knots=2), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut short|not a pool"):
            open_pool(path)


def test_a_foreign_file_is_called_so(tmp_path: Path) -> None:
    """A text file and an Arrow file of another kind are told apart, each with a cure."""
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="is not a pool file") as caught:
        open_pool(tmp_path / "text")
    assert caught.value.problems[0].cure
    batch = pa.record_batch({"x": [1]})
    with pa.OSFile(str(tmp_path / "arrow"), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(InputError, match="an Arrow file, but not a pool"):
        open_pool(tmp_path / "arrow")


def test_a_newer_format_asks_for_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of format 3 is refused by name of its format, and the cure is to upgrade."""
    with monkeypatch.context() as patch:
        patch.setattr(pool_file, "POOL_FORMAT", 3)
        save_pool(make_pool(), tmp_path / "a.pool")
    with pytest.raises(InputError, match="has pool format 3") as caught:
        open_pool(tmp_path / "a.pool")
    assert "upgrade" in caught.value.problems[0].cure


def test_a_file_of_the_first_format_still_opens(tmp_path: Path) -> None:
    """A file that the first release wrote opens bit for bit, without pairs or sessions; a bit flipped in it is noticed."""
    old = Path(__file__).with_name("format-1.pool")
    bare = attrs.evolve(make_pool(clients=2, windows=2, knots=3), carries_context=False, pairs=())
    assert_same(attrs.evolve(bare, rank=np.empty((0, 0))), open_pool(old))
    whole = old.read_bytes()
    for at in (*range(0, len(whole), 97), whole.find(b"/0001:") + 4):
        body = bytearray(whole)
        body[at] ^= 1
        (tmp_path / "a.pool").write_bytes(body)
        with pytest.raises(InputError, match=r"a\.pool"):
            open_pool(tmp_path / "a.pool")


def test_a_pool_without_pairs_survives(tmp_path: Path) -> None:
    """Independent fields, the default, come back as such."""
    pool = attrs.evolve(make_pool(), pairs=(), rank=np.empty((0, 0)))
    save_pool(pool, tmp_path / "a.pool")
    assert_same(pool, open_pool(tmp_path / "a.pool"))


def test_a_sealed_file_with_wrong_contents_is_refused(tmp_path: Path) -> None:
    """A valid seal over arrays that do not fit the stated shape still gives an error and no pool."""
    path = tmp_path / "a.pool"
    save_pool(make_pool(clients=3), path)
    body = bytearray(path.read_bytes().replace(b'"shape": [2, 3, 1]', b'"shape": [2, 4, 1]'))
    at = [body.find(pool_file._SEAL), body.rfind(pool_file._SEAL)]
    for begin in at:
        body[begin + 24 : begin + 32] = b"0" * 8
    crc = f"{zlib.crc32(body):08x}".encode()
    for begin in at:
        body[begin + 24 : begin + 32] = crc
    path.write_bytes(body)
    with pytest.raises(InputError, match="sealed but not a client pool"):
        open_pool(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """A path without a file, and a folder, name the path and the reason."""
    with pytest.raises(InputError, match="No such file"):
        open_pool(tmp_path / "nothing.pool")
    with pytest.raises(InputError, match="cannot be read"):
        open_pool(tmp_path)


def test_an_unwritable_place_leaves_nothing_behind(tmp_path: Path) -> None:
    """Writing into a folder that does not exist is an input error; a failed write leaves no scratch file."""
    with pytest.raises(InputError, match="cannot write the pool"):
        save_pool(make_pool(), tmp_path / "no" / "a.pool")
    with pytest.raises(TypeError):
        save_pool(attrs.evolve(make_pool(), meta={"x": object()}), tmp_path / "a.pool")
    assert list(tmp_path.iterdir()) == []


def test_metadata_may_quote_a_seal(tmp_path: Path) -> None:
    """A meta text that looks like a seal does not confuse the check."""
    pool = attrs.evolve(make_pool(), meta={"note": "servegen-pool-seal/0001:00000000", "n": json.dumps("é")})
    save_pool(pool, tmp_path / "a.pool")
    assert_same(pool, open_pool(tmp_path / "a.pool"))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    clients=st.integers(1, 6),
    windows=st.integers(1, 9),
    knots=st.integers(1, 30),
    linear=st.booleans(),
    compress=st.booleans(),
    meta=st.dictionaries(
        st.text(max_size=8), st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53)), max_size=4
    ),
)
def test_any_pool_survives_the_file(
    tmp_path: Path,
    clients: int,
    windows: int,
    knots: int,
    linear: bool,
    compress: bool,
    meta: dict[str, object],
) -> None:
    """Pools of any size with any JSON-able meta come back bit for bit."""
    pool = attrs.evolve(make_pool(clients, windows, knots, linear=linear), meta=meta)
    save_pool(pool, tmp_path / "a.pool", compress=compress)
    assert_same(pool, open_pool(tmp_path / "a.pool"))


def test_draws_from_a_mapped_pool_equal_those_from_memory(tmp_path: Path) -> None:
    """Quantiles from the mapped tables are those of the tables that were saved."""
    pool = make_pool(linear=True)
    save_pool(pool, tmp_path / "a.pool")
    rng = np.random.default_rng(2)
    table, u = rng.integers(0, len(pool.tables), 5000), rng.random(5000)
    np.testing.assert_array_equal(
        open_pool(tmp_path / "a.pool").tables.ppf(table, u), pool.tables.ppf(table, u)
    )


def test_arrays_of_other_dtypes_are_stored_as_the_contract_has_them(tmp_path: Path) -> None:
    """Integer counts and int64 table numbers become float64 and int32."""
    pool = make_pool()
    loose = attrs.evolve(pool, count=pool.count.astype(int), table=pool.table.astype(np.int64))
    save_pool(loose, tmp_path / "a.pool")
    assert_same(pool, open_pool(tmp_path / "a.pool"))
