"""Finding a workload of the published data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.options import Published
from servegen_fw_pools.published.reader import find_workload, make

from servegen_fw.plugin import InputError

TEXT = {"input_tokens": {10: 1.0}, "output_tokens": {5: 1.0}}


@pytest.fixture
def root(tmp_path: Path, write_client: Callable[..., None]) -> Path:
    """Three workloads under two kinds."""
    for folder in ("reason/deepseek-r1", "language/m-small", "language/m-mid"):
        write_client(tmp_path / folder, "0", [11], [TEXT])
    return tmp_path


def test_a_workload_is_found_by_folder_name_or_path(root: Path) -> None:
    """The folder itself, its name below the root, and kind/name below the root are the same."""
    expected = root / "reason" / "deepseek-r1"
    assert find_workload(expected, "") == expected
    assert find_workload(root, "deepseek-r1") == expected
    assert find_workload(root, "reason/deepseek-r1") == expected


def test_a_root_alone_asks_for_a_name(root: Path) -> None:
    """Without a workload the message lists what there is."""
    with pytest.raises(InputError, match="several workloads") as caught:
        find_workload(root, "")
    assert "language/m-mid, language/m-small, reason/deepseek-r1" in caught.value.problems[0].cure


def test_a_misspelt_workload_is_answered_with_the_nearest(root: Path) -> None:
    """Did-you-mean, and the list."""
    with pytest.raises(InputError, match="no such workload: 'deepseek-r2'") as caught:
        find_workload(root, "deepseek-r2")
    assert "did you mean 'deepseek-r1'" in caught.value.problems[0].cure


def test_a_name_that_fits_two_folders_is_refused(root: Path, write_client: Callable[..., None]) -> None:
    """An ambiguous short name asks for the long one."""
    write_client(root / "other" / "m-small", "0", [11], [TEXT])
    with pytest.raises(InputError, match="matches several workloads"):
        find_workload(root, "m-small")


def test_no_folder_and_no_data_are_told_apart(tmp_path: Path) -> None:
    """A path that does not exist and one that holds no clients get different messages."""
    with pytest.raises(InputError, match="no such folder"):
        find_workload(tmp_path / "nothing", "")
    with pytest.raises(InputError, match="holds no client data"):
        find_workload(tmp_path, "")


def test_the_pool_is_called_as_its_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reader made from options yields the pool under the workload's name."""
    monkeypatch.setenv("SERVEGEN_FW_CACHE", str(tmp_path / "cache"))
    pool = make(Published(path=str(root), workload="m-mid")).read()
    assert (pool.name, pool.clients) == ("m-mid", ("0",))


def test_the_real_data_is_read_in_place_and_then_mapped(
    real: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first reading compiles deepseek-r1, the second maps it; both are the same pool, and the source is untouched."""
    monkeypatch.setenv("SERVEGEN_FW_CACHE", str(tmp_path))
    root = real("servegen")
    before = sorted(
        (path.name, path.stat().st_mtime_ns) for path in (root / "reason" / "deepseek-r1").iterdir()
    )
    reader = make(Published(path=str(root), workload="reason/deepseek-r1"))
    first, second = reader.read(), reader.read()
    assert len(list(tmp_path.iterdir())) == 1
    assert first.clients == second.clients
    for name in ("value", "cdf", "offsets"):
        np.testing.assert_array_equal(getattr(first.tables, name), getattr(second.tables, name))
        assert not getattr(second.tables, name).flags.owndata
    after = sorted(
        (path.name, path.stat().st_mtime_ns) for path in (root / "reason" / "deepseek-r1").iterdir()
    )
    assert before == after


def test_the_rule_for_missing_data_is_passed_on(
    root: Path, tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """Missing = "error" of the reader is that of the compiler."""
    write_client(root / "language" / "m-mid", "1", [12], None)
    options = {"path": str(root), "workload": "m-mid", "cache": False}
    with pytest.raises(InputError, match="lack length data: 1"):
        make(Published(missing="error", **options)).read()
    assert make(Published(missing="drop", **options)).read().clients == ("0",)
    assert not (tmp_path / "cache").exists()


def test_a_path_may_begin_at_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde stands for the home folder."""
    monkeypatch.setenv("HOME", str(root))
    assert make(Published(path="~/reason/deepseek-r1", cache=False)).read().name == "deepseek-r1"
