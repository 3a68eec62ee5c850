"""The compiled cache: made once, opened from then on, made anew when a source file changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.options import Published
from servegen_fw_pools.published import cache, reader

from servegen_fw.plugin import ClientPool, open_pool

TEXT = {"input_tokens": {10: 0.5, 20: 0.5}, "output_tokens": {5: 1.0}}


@pytest.fixture
def source(tmp_path: Path, write_client: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and a cache folder of its own."""
    monkeypatch.setenv("SERVEGEN_FW_CACHE", str(tmp_path / "cache"))
    write_client(tmp_path / "data", "0", [12, 0, 30, 10], [TEXT, TEXT])
    write_client(tmp_path / "data", "1", [12, 0, 30, 10], None)
    return tmp_path / "data"


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one with every compilation."""
    done: list[str] = []
    original = reader.compile_folder

    def counted(folder: Path, name: str, missing: str) -> ClientPool:
        done.append(missing)
        return original(folder, name, missing)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "compile_folder", counted)
    return done


def read(source: Path, **options: object) -> ClientPool:
    """Read the folder as a suite would."""
    return reader.make(Published(path=str(source), **options)).read()


def test_the_second_reading_opens_what_the_first_compiled(source: Path, compiles: list[str]) -> None:
    """Two readings compile once and agree; the second's arrays are mapped."""
    first, second = read(source), read(source)
    assert len(compiles) == 1
    np.testing.assert_array_equal(first.count, second.count)
    np.testing.assert_array_equal(first.tables.cdf, second.tables.cdf)
    assert second.meta == first.meta
    assert not second.count.flags.owndata


def test_a_changed_file_is_compiled_again(source: Path, compiles: list[str]) -> None:
    """A file of another size, another time, or gone, gives a new pool, and the outdated copy is removed."""
    read(source)
    path = source / "chunk-0-trace.csv"
    path.write_text(path.read_text().replace("600,0,0,,0,0", "600,0.5,1,Gamma,1,1"))
    assert read(source).count[0, 1] == 300
    os.utime(path, ns=(1, 1))
    read(source)
    (source / "chunk-1-trace.csv").unlink()
    assert read(source).clients == ("0",)
    assert len(compiles) == 4
    assert len(list(cache.cache_folder().iterdir())) == 1


def test_each_rule_for_missing_data_has_its_own_copy(source: Path, compiles: list[str]) -> None:
    """Borrowed and dropped pools are kept side by side."""
    assert len(read(source, missing="borrow").clients) == 2
    assert len(read(source, missing="drop").clients) == 1
    assert len(read(source, missing="borrow").clients) == 2
    assert compiles == ["borrow", "drop"]


def test_a_damaged_copy_is_made_anew(source: Path, compiles: list[str]) -> None:
    """A copy cut short is replaced without a word."""
    read(source)
    (kept,) = cache.cache_folder().iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert read(source).count.sum() == 104
    assert read(source).count.sum() == 104
    assert len(compiles) == 2


def test_a_new_compiled_format_does_not_open_old_copies(
    source: Path, compiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raising the format version compiles again."""
    read(source)
    monkeypatch.setattr(cache, "COMPILED_FORMAT", cache.COMPILED_FORMAT + 1)
    read(source)
    assert len(compiles) == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    source: Path, tmp_path: Path, compiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cache folder cannot be made, each reading compiles and gives the pool all the same."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SERVEGEN_FW_CACHE", str(tmp_path / "file" / "cache"))
    assert read(source).count.sum() == 104
    assert read(source).count.sum() == 104
    assert len(compiles) == 2


def test_the_cache_can_be_switched_off(source: Path) -> None:
    """With cache = false nothing is written."""
    assert read(source, cache=False).count.sum() == 104
    assert not cache.cache_folder().exists()


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The project's own variable goes first, then XDG_CACHE_HOME, then the home folder."""
    monkeypatch.setenv("SERVEGEN_FW_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_folder() == tmp_path / "own"
    monkeypatch.delenv("SERVEGEN_FW_CACHE")
    assert cache.cache_folder() == tmp_path / "xdg" / "servegen-fw"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "servegen-fw"


def test_folders_with_odd_names_keep_their_own_copies(
    tmp_path: Path, source: Path, write_client: Callable[..., None]
) -> None:
    """Brackets in a folder's name neither break the clean-up nor touch another folder's copy."""
    read(source)
    odd = tmp_path / "da[t]a*"
    write_client(odd, "0", [11], [TEXT])
    read(odd)
    (odd / "chunk-0-trace.csv").write_text("0,0.5,1,Gamma,1,1\n")
    read(odd)
    assert len(list(cache.cache_folder().iterdir())) == 2


def test_two_processes_may_compile_at_once(source: Path) -> None:
    """Readers that start together on an empty cache all get the pool, and one sound copy is left."""
    code = (
        "import sys; from servegen_fw_pools import options; from servegen_fw_pools.published import reader;"
        "print(reader.make(options.Published(path=sys.argv[1])).read().count.sum())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(source)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in started] == ["104.0"] * 3
    (kept,) = cache.cache_folder().iterdir()
    assert open_pool(kept).count.sum() == 104
