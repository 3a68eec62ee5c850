"""Compiling the published layout: everything that is there, in an order of its own, and what is missing is told."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servegen_fw_pools.published.compile import client_files, compile_folder

from servegen_fw.plugin import ClientPool, InputError

TEXT = {"input_tokens": {10: 0.5, 20: 0.5}, "output_tokens": {5: 1.0}}


def table_of(pool: ClientPool, field: str, client: str, window: int) -> dict[float, float]:
    """The masses that a client draws a field from in a table window."""
    k = pool.table[pool.fields.index(field), pool.clients.index(client), window]
    values, cdf = pool.tables.knots(k)
    return dict(zip(values.tolist(), np.diff(cdf, prepend=0).round(12).tolist(), strict=True))


def test_counts_windows_and_tables_of_a_small_folder(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """Counts, CV, family, grids, fields and tables come out as written."""
    write_client(tmp_path, "0", [12, 15, 30, 0], [TEXT, {**TEXT, "output_tokens": {0: 0.25, 7: 0.75}}])
    pool = compile_folder(tmp_path, "p")
    assert pool.count.tolist() == [[12, 15, 30, 0]]
    assert pool.cv.tolist() == [[1.5, 1.5, 1.5, 0]]
    assert pool.family.tolist() == [[0, 0, 0, -1]]
    assert (pool.families, pool.fields) == (("gamma", "weibull"), ("input_tokens", "output_tokens"))
    assert (pool.window_s, pool.table_window_s, pool.start_s) == (600, 1200, 0)
    assert table_of(pool, "output_tokens", "0", 1) == {0: 0.25, 7: 0.75}
    assert pool.meta["notes"] == ["1 of 4 windows hold no request at all"]
    assert pool.meta["requests"] == 57


def test_clients_come_in_natural_order_whatever_the_folder_says(
    tmp_path: Path, write_client: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files written and listed in another order give the same pool, with client 2 before client 10."""
    for name in ("10", "2", "0", "1b", "1a"):
        write_client(tmp_path, name, [11 + len(name)], [TEXT])
    pool = compile_folder(tmp_path, "p")
    assert pool.clients == ("0", "1a", "1b", "2", "10")
    listed = list(tmp_path.iterdir())
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(sorted(listed, key=lambda p: hash(p.name[::-1]))))
    again = compile_folder(tmp_path, "p")
    assert again.clients == pool.clients
    np.testing.assert_array_equal(again.count, pool.count)
    np.testing.assert_array_equal(again.table, pool.table)


def test_other_files_are_left_alone(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """Licences, hidden files and the like in the folder do not disturb."""
    write_client(tmp_path, "0", [11], [TEXT])
    (tmp_path / "LICENSE").write_text("x")
    (tmp_path / ".chunk-1-trace.csv.part").write_text("x")
    assert list(client_files(tmp_path)[0]) == ["0"]


def test_always_zero_fields_are_left_out_and_told(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """Audio that never occurs makes no modality; images that occur do; the prompt's text is input_tokens."""
    table = {
        "text_tokens": {9: 1.0},
        "output_tokens": {3: 1.0},
        "image_count": {0: 0.5, 1: 0.5},
        "image_tokens": {1196: 1.0},
        "audio_count": {0: 1.0},
        "audio_tokens": {0: 1.0},
    }
    write_client(tmp_path, "0", [11], [table])
    pool = compile_folder(tmp_path, "p")
    assert pool.fields == ("input_tokens", "output_tokens", "image_count", "image_tokens")
    assert pool.modalities == ("image",)
    assert "audio_count, audio_tokens" in pool.meta["notes"][0]


def test_short_traces_lost_traces_and_silent_windows_are_told(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """A trace that ends early, a dataset without a trace, and a window without any request each leave a note."""
    write_client(tmp_path, "0", [11, 0, 12, 13], [TEXT, TEXT])
    write_client(tmp_path, "1", [14], [TEXT])
    write_client(tmp_path, "2", [15], [TEXT])
    (tmp_path / "chunk-2-trace.csv").unlink()
    pool = compile_folder(tmp_path, "p")
    assert pool.count.tolist() == [[11, 0, 12, 13], [14, 0, 0, 0]]
    notes = " | ".join(pool.meta["notes"])
    assert "shorter than the recording, taken as inactive where they end: 1" in notes
    assert "without a trace, not used: 2" in notes
    assert "1 of 4 windows hold no request" in notes


def test_a_folder_without_clients_is_an_input_error(tmp_path: Path) -> None:
    """The message names the folder and what was looked for."""
    with pytest.raises(InputError, match=r"no chunk-N-trace\.csv") as caught:
        compile_folder(tmp_path, "p")
    assert caught.value.problems[0].cure


def test_damage_in_several_files_is_told_at_once(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """A bad row in one file and a bad table in another give two problems with their files."""
    write_client(tmp_path, "0", [11], [TEXT])
    write_client(tmp_path, "1", [11], [TEXT])
    (tmp_path / "chunk-0-trace.csv").write_text("0,many,1,Gamma,1,1\n")
    (tmp_path / "chunk-1-dataset.json").write_text('{"0": {"input_tokens": "{1: 1.0, }"}}')
    with pytest.raises(InputError) as caught:
        compile_folder(tmp_path, "p")
    assert [Path(p.place.file).name for p in caught.value.problems if p.place] == [
        "chunk-0-trace.csv",
        "chunk-1-dataset.json",
    ]


def test_windows_of_different_lengths_are_refused(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """Traces, or datasets, that share no grid are an input error."""
    write_client(tmp_path, "0", [11, 12], [TEXT])
    (tmp_path / "chunk-1-trace.csv").write_text("0,0,0,,0,0\n700,0,0,,0,0\n")
    with pytest.raises(InputError, match="traces have no common grid"):
        compile_folder(tmp_path, "p")
    (tmp_path / "chunk-1-trace.csv").unlink()
    data = {"0": {"input_tokens": "{1: 1.0}"}, "700": {"input_tokens": "{1: 1.0}"}}
    (tmp_path / "chunk-0-dataset.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="datasets have no common grid"):
        compile_folder(tmp_path, "p")


def test_real_pool_agrees_with_a_naive_reading(real: Callable[[str], Path], mm_image: ClientPool) -> None:
    """Every count and table of mm-image equals what the csv module and literal_eval read, masses to 1e-12."""
    folder = real("servegen/multimodal/mm-image")
    assert len(mm_image.clients) == len(list(folder.glob("*-trace.csv")))
    for row, client in enumerate(mm_image.clients):
        with (folder / f"chunk-{client}-trace.csv").open() as file:
            rates = [float(line[1]) for line in csv.reader(file)]
        np.testing.assert_allclose(mm_image.count[row], np.array(rates) * 600, rtol=0, atol=1e-6)
        data = json.loads((folder / f"chunk-{client}-dataset.json").read_text())
        for field in mm_image.fields:
            published = "text_tokens" if field == "input_tokens" else field
            for window in range(4):
                masses = ast.literal_eval(data[str(21600 * window)][published])
                ours = table_of(mm_image, field, client, window)
                assert ours.keys() == {k for k, mass in masses.items() if mass > 0}
                assert all(abs(ours[key] - masses[key]) < 1e-11 for key in ours)


def test_real_rates_are_those_of_the_release(mm_image: ClientPool, deepseek: ClientPool) -> None:
    """Clients, requests per second and top-10 share agree with the release's published summary."""
    for pool, clients, rate, top10 in ((mm_image, 35, 9.5, 0.83), (deepseek, 73, 16.0, 0.68)):
        share = np.sort(pool.count.sum(1))[::-1] / pool.count.sum()
        assert len(pool.clients) == clients
        assert pool.rate == pytest.approx(rate, abs=0.05)
        assert share[:10].sum() == pytest.approx(top10, abs=0.006)
        assert pool.meta["missing"]["clients"] == []


def test_real_m_small_borrows_for_five_clients(real: Callable[[str], Path]) -> None:
    """m-small lacks data of clients 1, 5, 8, 11 and 38, 57 % of its requests: borrowed, and said so."""
    pool = compile_folder(real("servegen/language/m-small"), "m-small")
    assert pool.meta["missing"]["clients"] == ["1", "5", "8", "11", "38"]
    assert pool.meta["missing"]["share_of_requests"] == pytest.approx(0.57, abs=0.005)
    assert "borrow" in pool.meta["notes"][0]
    assert pool.count.shape == (43, 2016)
    assert np.isclose(pool.rate, 1174, atol=1)
    assert "37 of 2016 windows" in " ".join(pool.meta["notes"])


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('touch owned')", "{1: open('owned', 'w').write('x')}", "{1: 10**10**10}"],
)
def test_code_in_a_dataset_is_refused_with_its_place(
    tmp_path: Path, write_client: Callable[..., None], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A table that is code makes an input error at file:line:col, and nothing happens."""
    write_client(tmp_path / "data", "0", [11], [TEXT])
    data = {"0": {"input_tokens": "{1: 1.0}", "output_tokens": text}}
    (tmp_path / "data" / "chunk-0-dataset.json").write_text(json.dumps(data, indent=2))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"chunk-0-dataset\.json:4:\d+: output_tokens of window 0"):
        compile_folder(tmp_path / "data", "p")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """In a trace as in a dataset the first bad byte is named by file, line and column."""
    for name, place in (("chunk-0-trace.csv", "1:6"), ("chunk-0-dataset.json", "2:4")):
        write_client(tmp_path, "0", [11], [TEXT])
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:5] + b"\xff")
        with pytest.raises(InputError, match=rf"{name}:{place}: byte 0xff is not UTF-8"):
            compile_folder(tmp_path, "p")


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1), clients=st.integers(1, 4), windows=st.integers(1, 7))
def test_any_complete_folder_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory,
    write_client: Callable[..., None],
    seed: int,
    clients: int,
    windows: int,
) -> None:
    """Random counts and masses: each client's counts and, where it is active, its masses are those written."""
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("any")
    written = {}
    for client in range(clients):
        counts = (rng.integers(10, 99, windows) * rng.integers(0, 2, windows)).tolist()
        counts[0] = counts[0] or 10
        tables = []
        for _ in range((windows + 1) // 2):
            values = rng.choice(200, rng.integers(1, 9), replace=False).tolist()
            mass = rng.dirichlet(np.ones(len(values))).tolist()
            tables.append({"input_tokens": {v + 1: m for v, m in zip(values, mass, strict=True)}})
        write_client(folder, str(client), counts, tables)
        written[str(client)] = (counts, tables)
    pool = compile_folder(folder, "p", "error")
    for row, (counts, tables) in enumerate(written.values()):
        assert pool.count[row].tolist() == counts
        for window, fields in enumerate(tables):
            if windows > 2 or window == 0:
                found = table_of(pool, "input_tokens", str(row), window)
                assert found == pytest.approx(fields["input_tokens"], abs=1e-11)


def test_real_m_small_can_be_dropped_or_refused(real: Callable[[str], Path]) -> None:
    """The other two rules on the real data: 38 clients with 43 % of the requests, or an error that names the five."""
    folder = real("servegen/language/m-small")
    pool = compile_folder(folder, "m-small", "drop")
    assert len(pool.clients) == 38
    assert not {"1", "5", "8", "11", "38"} & set(pool.clients)
    assert pool.rate == pytest.approx(1174 * 0.432, rel=0.01)
    with pytest.raises(InputError, match="57% of the requests lack length data: 1, 5, 8, 11, 38"):
        compile_folder(folder, "m-small", "error")
