"""Bad input: damaged rows stop the reading or are skipped and counted; what is odd is told; nothing is dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.log import Log, Notice
from servegen_fw_pools.logs.oddities import gaps
from servegen_fw_pools.logs.read import read_log

from servegen_fw.plugin import InputError

HEAD = "timestamp,input_tokens,output_tokens\n"


def text(path: Path, content: str) -> Path:
    """Write and return a file."""
    path.write_text(content)
    return path


def notice(log: Log, code: str) -> Notice:
    """The one notice of a code."""
    (found,) = (one for one in log.notices if one.code == code)
    return found


@pytest.mark.parametrize(
    ("bad", "code", "told", "column"),
    [
        ("1,-5,1", "negative-length", "'-5' is no token count", 3),
        ("1,5,-1", "negative-length", "'-1' is no token count", 5),
        ("1,x,1", "damaged-row", "'x' is no token count", 3),
        ("1,2.5,1", "damaged-row", "'2.5' is no token count", 3),
        ("1,,1", "damaged-row", "'' is no token count", 3),
        ("1,5,3000000000", "damaged-row", "'3000000000' is no token count", 5),
        ("x,5,1", "damaged-row", "'x' is no time in s", 1),
        ("nan,5,1", "damaged-row", "'nan' is no time in s", 1),
        ("1,5", "damaged-row", "the row has 2 columns, the header 3", 1),
        ("1,5,6,7", "damaged-row", "the row has 4 columns, the header 3", 1),
        ("1e13,5,1", "damaged-row", "'1e13' is no time in s", 1),
        ("1,-5,x", "damaged-row", "'x' is no token count", 6),
    ],
)
def test_a_damaged_csv_row(tmp_path: Path, bad: str, code: str, told: str, column: int) -> None:
    """It stops the reading with its place; or it is skipped, counted and placed, and the other rows are read."""
    path = text(tmp_path / "a.csv", f"{HEAD}0,1,1\n{bad}\n2,3,3\n")
    with pytest.raises(InputError) as caught:
        read_log([path])
    assert caught.value.exit_status == 2
    last = caught.value.problems[-1]
    assert told in last.what
    assert last.place is not None
    assert (last.place.line, last.place.column, last.place.text) == (3, column, bad)
    log = read_log([path], on_bad_rows="skip")
    assert log.input_tokens.tolist() == [1, 3]
    assert notice(log, code).count == 1
    assert notice(log, code).where[0].startswith(f"{path}:3:")
    assert "skipped" in notice(log, code).what


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_tenth_of_the_rows_damaged_in_every_way(tmp_path: Path, kind: str) -> None:
    """Of 5,000 rows 500 are damaged in five ways: 20 are shown with the total, or all are skipped and counted."""
    lines = []
    for k in range(5000):
        row = {"timestamp": k / 2, "input_tokens": k % 90, "output_tokens": 1 + k % 7}
        cells = [str(cell) for cell in row.values()]
        if k % 10 == 3:
            broken = k // 10 % 5
            if kind == "csv":
                lines.append(
                    [
                        f"{cells[0]},?,1",
                        cells[0],
                        ",".join([*cells, "9"]),
                        f"{cells[0]},-4,1",
                        f'"{cells[0]},1,1',
                    ][broken]
                )
            else:
                whole = json.dumps(row)
                lines.append(
                    [
                        whole.replace(":", "", 1),
                        whole[:-4],
                        "[]",
                        json.dumps(row | {"input_tokens": -4}),
                        whole.replace("input", "put"),
                    ][broken]
                )
        else:
            lines.append(",".join(cells) if kind == "csv" else json.dumps(row))
    path = text(tmp_path / "log", (HEAD if kind == "csv" else "") + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match="and 480 more problems") as caught:
        read_log([path])
    assert len(caught.value.problems) == 21
    found = [p.place.line for p in caught.value.problems if p.place]
    assert found == sorted(found)
    log = read_log([path], on_bad_rows="skip")
    good = np.array([k for k in range(5000) if k % 10 != 3])
    assert log.time_s is not None
    np.testing.assert_array_equal(log.time_s, good / 2)
    np.testing.assert_array_equal(log.input_tokens, good % 90)
    assert notice(log, "damaged-row").count == 400
    assert notice(log, "negative-length").count == 100
    assert len(notice(log, "damaged-row").where) == 5


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.sampled_from(
            ["1,2,3", "2,3,4", "x,1,1", "1,-1,1", "1,1", '"1,1,1', "", "1,1,1,1", '"3","4","5"', "é,1,1"]
        ),
        max_size=30,
    )
)
def test_no_row_is_dropped_in_silence(tmp_path: Path, lines: list[str]) -> None:
    """Whatever is mixed: requests read plus rows told as skipped are the rows of the file, or it is an InputError."""
    path = text(tmp_path / "a.csv", HEAD + "".join(f"{line}\n" for line in lines))
    good = sum(line in {"1,2,3", "2,3,4", '"3","4","5"'} for line in lines)
    filled = sum(bool(line) for line in lines)
    if not good:
        with pytest.raises(InputError, match=r"holds no requests|no request is left"):
            read_log([path], on_bad_rows="skip", format="csv")
        return
    log = read_log([path], on_bad_rows="skip", format="csv")
    skipped = sum(one.count for one in log.notices if one.code in {"damaged-row", "negative-length"})
    assert len(log) == good
    assert skipped == filled - good
    if skipped:
        with pytest.raises(InputError):
            read_log([path], format="csv")
    else:
        assert len(read_log([path], format="csv")) == good


@pytest.mark.parametrize("content", ["", "\n\n", HEAD, HEAD + "\n\n"])
def test_a_log_without_requests_is_refused(tmp_path: Path, content: str) -> None:
    """An empty file, and one of a header alone, are input errors in both modes."""
    for mode in ("stop", "skip"):
        with pytest.raises(InputError, match="holds no requests"):
            read_log([text(tmp_path / "a.csv", content)], on_bad_rows=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_when_nothing_is_left_it_is_an_error(tmp_path: Path, kind: str) -> None:
    """If all rows are damaged, skipping them is an error that counts them and shows the first."""
    path = tmp_path / "a"
    if kind == "csv":
        text(path, HEAD + "x,1,1\n" * 30)
    elif kind == "jsonl":
        text(path, '{"timestamp": null, "input_tokens": 1, "output_tokens": 1}\n' * 30)
    else:
        pq.write_table(
            pa.table({"timestamp": [None] * 30, "input_tokens": [1] * 30, "output_tokens": [1] * 30}), path
        )
    with pytest.raises(InputError, match="no request is left: all 30 rows are damaged") as caught:
        read_log([path], on_bad_rows="skip")
    assert len(caught.value.problems) > 1


def test_missing_columns_are_told_together(tmp_path: Path) -> None:
    """A header without any needed column says so for each, with what is there."""
    with pytest.raises(InputError) as caught:
        read_log([text(tmp_path / "a.csv", "when,what\n1,2\n")], columns=Columns(client="who"))
    told = str(caught.value)
    assert all(
        f"no column '{name}'" in told for name in ("timestamp", "input_tokens", "output_tokens", "who")
    )
    with pytest.raises(InputError, match="a log needs a column for output"):
        read_log([tmp_path / "a.csv"], columns=Columns(output=""))


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """Two columns called alike are not chosen from; unless they are not wanted."""
    with pytest.raises(InputError, match="several columns are called 'input_tokens'"):
        read_log([text(tmp_path / "a.csv", "timestamp,input_tokens,input_tokens,output_tokens\n0,1,2,3\n")])
    assert (
        len(read_log([text(tmp_path / "b.csv", "x,x,timestamp,input_tokens,output_tokens\n8,9,0,1,2\n")]))
        == 1
    )


def test_absurd_numbers_of_items_are_damage(tmp_path: Path) -> None:
    """A request of two billion images is a damaged row and not a table of two billion rows."""
    path = text(tmp_path / "a.csv", HEAD.rstrip() + ",image_count\n0,1,1,2000000000\n1,1,1,2\n")
    with pytest.raises(InputError, match="is no number of items up to 10,000"):
        read_log([path])
    log = read_log([path], on_bad_rows="skip")
    assert log.items is not None
    assert len(log.items) == 2


@pytest.mark.parametrize("mode", ["stop", "skip"])
def test_odd_times_are_told_and_kept(tmp_path: Path, mode: str) -> None:
    """Rows out of order are sorted, equal times kept; both are counted and placed in both modes."""
    path = text(tmp_path / "a.csv", HEAD + "0,1,1\n5,2,1\n3,3,1\n5,4,1\n4,5,1\n")
    log = read_log([path], on_bad_rows=mode)  # type: ignore[arg-type]
    assert log.input_tokens.tolist() == [1, 3, 5, 2, 4]
    assert (notice(log, "unsorted").count, notice(log, "unsorted").where) == (2, (f"{path}:4", f"{path}:6"))
    assert (notice(log, "duplicate-time").count, notice(log, "duplicate-time").where) == (1, (f"{path}:5",))


@pytest.mark.parametrize(
    ("stamps", "count", "told"),
    [
        (["10:00:00Z", "11:00:00+01:00", "10:00:02Z"], 3, "several zones"),
        (["10:00:00Z", "10:00:00", "10:00:02Z"], 1, "those without are read as UTC"),
    ],
)
def test_mixed_zones_are_told(tmp_path: Path, stamps: list[str], count: int, told: str) -> None:
    """Several zones are moved to UTC; times without a zone beside others are read as UTC; both are told."""
    path = text(tmp_path / "a.csv", HEAD + "".join(f"2024-05-10T{stamp},1,1\n" for stamp in stamps))
    log = read_log([path])
    assert log.time_s is not None
    assert log.time_s.tolist() == [0, 0, 2]
    assert log.start == "2024-05-10T10:00:00+00:00"
    assert notice(log, "mixed-zones").count == count
    assert told in notice(log, "mixed-zones").what


def test_one_zone_is_nothing_odd(tmp_path: Path) -> None:
    """A log with one zone throughout, written Z and +00:00, has no notice."""
    path = text(tmp_path / "a.csv", HEAD + "2024-05-10T10:00:00Z,1,1\n2024-05-10T10:00:01+00:00,1,1\n")
    assert read_log([path]).notices == ()


def test_a_gap_is_told(tmp_path: Path) -> None:
    """An hour without requests in a log of one a second is told with where it ends."""
    times = [*range(100), *range(3700, 3800)]
    path = text(tmp_path / "a.csv", HEAD + "".join(f"{t},1,1\n" for t in times))
    found = notice(read_log([path]), "gap")
    assert (found.count, found.where) == (1, (f"{path}:102",))
    assert "the longest 3601 s" in found.what


def test_chance_makes_no_gaps() -> None:
    """Exponential gaps, a night at a hundredth of the rate, gamma gaps of CV 4, Pareto gaps, coarse clocks: no gap is told."""
    # False alarms: at most 1e-6 a gap for a Pareto tail, so 0.01 of 10,000, and e**-100 a gap for exponential ones.
    rng = np.random.default_rng(5)
    exponential = np.cumsum(rng.exponential(1, 200_000))
    night = np.cumsum(
        np.concatenate([rng.exponential(1, 50_000), rng.exponential(100, 500), rng.exponential(1, 50_000)])
    )
    bursty = np.cumsum(rng.gamma(1 / 16, 16, 200_000))
    pareto = np.cumsum(1 + rng.pareto(1.5, 10_000))
    coarse = np.floor(np.cumsum(rng.exponential(0.001, 200_000)))
    for times in (
        exponential,
        night,
        bursty,
        pareto,
        coarse,
        exponential[:1],
        exponential[:0],
        np.zeros(100),
    ):
        assert not len(gaps(times))
    outage = np.where(exponential > 1000, exponential + 5000, exponential)
    assert len(gaps(outage)) == 1
    assert len(gaps(np.where(night > 52_000, night + 20_000, night))) == 1


@pytest.mark.parametrize("rows", [["5,7,3"], ["0,7,3", "1,7,3", "2,7,3"]])
def test_one_request_and_constant_lengths_are_logs(tmp_path: Path, rows: list[str]) -> None:
    """A single request, and requests that are all alike, are read as they are."""
    log = read_log([text(tmp_path / "a.csv", HEAD + "\n".join(rows))])
    assert len(log) == len(rows)
    assert log.duration_s == len(rows) - 1
    assert set(log.input_tokens.tolist()) == {7}
    assert log.notices == ()


def test_what_rows_leave_untold_is_counted(tmp_path: Path) -> None:
    """Requests without client, latency, turn and reasoning tokens are kept, and told."""
    rows = [
        {"timestamp": 0, "input_tokens": 1, "output_tokens": 5, "client": "a", "latency_s": 2, "turn": 0, "reason_tokens": 9},
        {"timestamp": 1, "input_tokens": 0, "output_tokens": 5, "client": None, "latency_s": None, "turn": None},
    ]  # fmt: skip
    log = read_log([text(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))])
    assert log.latency_s is not None
    assert log.reason_tokens is not None
    np.testing.assert_array_equal(log.latency_s, [2, np.nan])
    assert log.reason_tokens.tolist() == [5, 0]
    assert log.clients == ("(none)", "a")
    told = [(one.code, one.count) for one in log.notices if one.code != "columns"]
    assert sorted(told) == [
        ("missing-value", 1),
        ("missing-value", 1),
        ("missing-value", 1),
        ("no-client", 1),
        ("reason-above-output", 1),
        ("zero-tokens", 1),
    ]


def write_csv(log: Log, path: Path) -> None:
    """Write a log with the usual names of its columns."""
    assert log.time_s is not None
    columns = {"timestamp": log.time_s, "input_tokens": log.input_tokens, "output_tokens": log.output_tokens}
    rows = [",".join([*columns, "reason_tokens", "client", "session", "turn", "latency_s"])]
    for k in range(len(log)):
        cells = [repr(column[k].item()) for column in columns.values()]
        cells.append("" if log.reason_tokens is None else str(log.reason_tokens[k]))
        cells.append(
            "" if log.client is None else f'"{log.clients[log.client[k]].replace(chr(34), chr(34) * 2)}"'
        )
        lone = log.session is None or log.session[k] < 0
        cells.append("" if lone or log.session is None else f"s{log.session[k]}")
        cells.append("" if lone or log.turn is None else str(log.turn[k]))
        cells.append(
            "" if log.latency_s is None or np.isnan(log.latency_s[k]) else repr(log.latency_s[k].item())
        )
        rows.append(",".join(cells))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="")


_ROW = st.tuples(
    st.one_of(st.integers(0, 10), st.floats(0, 1e6)),
    st.integers(0, 2**31 - 1),
    st.integers(0, 5000),
    st.integers(0, 6000),
    st.sampled_from(["a", "b10", "b9", 'with "quotes"', "comma, here", "é", "line\nbreak"]),
    st.sampled_from(["", "s", "t"]),
    st.one_of(st.none(), st.floats(0, 1e4)),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, min_size=1, max_size=30))
def test_a_log_written_as_csv_is_read_as_it_was(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    """Log -> CSV -> Log keeps every column: times to the last bit, clients, sessions, turns, latencies, unknown ones too."""
    names = ("timestamp", "input_tokens", "output_tokens", "reason_tokens", "client", "session", "latency_s")
    lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    first = read_log([text(tmp_path / "a.jsonl", "\n".join(lines))])
    write_csv(first, tmp_path / "a.csv")
    again = read_log([tmp_path / "a.csv"], format="csv")
    assert again.clients == first.clients
    for name in (
        "time_s",
        "input_tokens",
        "output_tokens",
        "reason_tokens",
        "client",
        "session",
        "latency_s",
    ):
        before, after = getattr(first, name), getattr(again, name)
        np.testing.assert_array_equal(np.asarray(before, float), np.asarray(after, float), name)
    if any(row[5] for row in rows):
        np.testing.assert_array_equal(first.turn, again.turn)


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    """The same file by two names would count its requests double; two files of the same content are two logs."""
    one = text(tmp_path / "one.csv", "timestamp,input_tokens,output_tokens\n0,1,1\n5,2,2\n")
    with pytest.raises(InputError, match="is given twice"):
        read_log([one, tmp_path / "sub" / ".." / "one.csv"])
    other = text(tmp_path / "other.csv", one.read_text())
    assert len(read_log([one, other])) == 4
