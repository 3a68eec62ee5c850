"""What commands read: logs and pools by path or name, and the options that say how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from servegen_fw_pools.logs.cli_options import log_options, source_of
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.logs.source import read_source
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool, InputError, save_pool


def test_pools_are_found_by_name_file_and_folder(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """A shipped name, a pool file and a folder of published client data give pools."""
    shipped = read_source(["mm-image"])
    assert isinstance(shipped, ClientPool)
    assert shipped.name == "mm-image"
    save_pool(open_shipped("mm-image"), tmp_path / "mine.pool")
    saved = read_source([tmp_path / "mine.pool"])
    assert isinstance(saved, ClientPool)
    assert saved.clients == shipped.clients
    masses = {"input_tokens": {10: 1.0}, "output_tokens": {5: 1.0}}
    write_client(tmp_path / "data", "0", [12, 30], [masses])
    published = read_source([tmp_path / "data"])
    assert isinstance(published, ClientPool)
    assert published.count.sum() == 42


def test_a_file_goes_before_a_shipped_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log called like a shipped pool is read as the log it is."""
    monkeypatch.chdir(tmp_path)
    Path("mm-image").write_text("timestamp,input_tokens,output_tokens\n1,2,3\n")
    assert isinstance(read_source(["mm-image"]), Log)


def test_an_unknown_name_is_told_with_what_there_is() -> None:
    """What is neither a file nor a shipped pool lists the shipped pools."""
    with pytest.raises(InputError, match=r"deepseek-r2.*") as caught:
        read_source(["deepseek-r2"])
    assert "deepseek-r1" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["client"], "'client' maps no column"),
        (["who=x"], "'who=x' maps no column"),
        (["client=a", "client=b"], "client is given twice"),
    ],
)
def test_bad_column_maps_are_told(given: list[str], told: str) -> None:
    """A text without =, an unknown name and a name given twice are input errors that list the names."""
    with pytest.raises(InputError, match=told) as caught:
        Columns.parse(given)
    assert caught.value.problems[0].who == "--column"


def test_column_maps_are_read() -> None:
    """The column may hold = and blanks, and be empty for none."""
    assert Columns.parse(["client=user id", "output=a=b", "session="]) == Columns(
        client="user id", output="a=b", session=""
    )


def test_the_options_of_commands_reach_the_log(tmp_path: Path) -> None:
    """LOG..., --format, --column, --time-unit and --on-bad-rows do as they say, together."""

    @click.command()
    @log_options
    def command(**options: Any) -> None:
        source = source_of(**options)
        assert isinstance(source, Log)
        click.echo(
            f"{len(source)} {source.duration_s} {source.clients} {[one.code for one in source.notices]}"
        )

    names = ("a.txt", "b.txt")
    for k, name in enumerate(names):
        (tmp_path / name).write_text(f"at;who;in;out\n{k}000;u{k};5;6\n{k}500;u{k};x;6\n")
    flags = ["--format", "csv", "--time-unit", "ms", "--on-bad-rows", "skip"]
    for pair in ("timestamp=at", "client=who", "input=in", "output=out"):
        flags += ["--column", pair]
    done = CliRunner().invoke(command, [*flags, *(str(tmp_path / name) for name in names)])
    assert done.output == "2 1.0 ('u0', 'u1') ['damaged-row']\n"
    stopped = CliRunner().invoke(command, [*flags[:4], *flags[6:], str(tmp_path / "a.txt")])
    assert isinstance(stopped.exception, InputError)
    helped = CliRunner().invoke(command, ["--help"])
    assert "--on-bad-rows [stop|skip]" in helped.output


def test_a_folder_of_neither_kind_is_told_both(tmp_path: Path) -> None:
    """A folder without results and client data is no source, and the message names what would be."""
    with pytest.raises(InputError, match=r"neither a result folder .* nor published client data"):
        read_source([tmp_path])
