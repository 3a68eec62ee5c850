"""What a suite hears about its sources before anything is read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import servegen_fw_pools
from servegen_fw_pools import options

from servegen_fw.plugin import Choice

ENTRIES = {entry.name: entry for entry in servegen_fw_pools.servegen_readers()}


def problems(*configs: object) -> list[tuple[str, str, str]]:
    """Ask the hook about a suite whose groups have these sources; None for a synthetic group."""
    groups = [
        SimpleNamespace(source=None if config is None else Choice(ENTRIES["pool"], config))
        for config in configs
    ]
    suite = SimpleNamespace(workload=SimpleNamespace(groups=groups))
    return list(servegen_fw_pools.servegen_check(suite))


def test_good_sources_have_no_problems(tmp_path: Path) -> None:
    """A shipped name, files that exist, synthetic groups and other plugins' sources pass."""
    (tmp_path / "a.csv").write_text("")
    path = str(tmp_path / "a.csv")
    good = (
        options.Shipped(name="mm-image"),
        options.Shipped(path=path),
        options.Csv(path=path),
        options.Jsonl(path=path),
        options.Published(path=str(tmp_path)),
        object(),
        None,
    )
    assert problems(*good) == []


def test_an_unknown_pool_is_told_at_its_name() -> None:
    """The second group's misspelt name is placed there, with did-you-mean and the list."""
    ((at, what, cure),) = problems(None, options.Shipped(name="deepseek-r2"))
    assert at == "workload.group[1].source.name"
    assert "'deepseek-r2'" in what
    assert cure == "did you mean 'deepseek-r1'? shipped pools are: deepseek-r1, m-small, mm-image"


@pytest.mark.parametrize("config", [options.Shipped(), options.Shipped(name="mm-image", path="x")])
def test_a_pool_needs_a_name_or_a_path(config: options.Shipped) -> None:
    """Neither and both are told at the source."""
    ((at, what, _),) = problems(config)
    assert (at, what) == ("workload.group[0].source", "a pool needs either a name or a path")


def test_missing_files_are_all_told_at_once(tmp_path: Path) -> None:
    """Each reader's missing file is one problem at its path."""
    path = str(tmp_path / "nothing")
    logs = (options.Azure, options.Bailian, options.Burstgpt, options.Mooncake)
    kinds = (options.Shipped, options.Published, *logs, options.Csv, options.Jsonl, options.Parquet)
    found = problems(*(kind(path=path) for kind in kinds))
    assert [at for at, _, _ in found] == [f"workload.group[{i}].source.path" for i in range(9)]
    assert all(path in what and cure for _, what, cure in found)
