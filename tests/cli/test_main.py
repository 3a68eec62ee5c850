"""The command line finds commands lazily and turns every error into a message and an exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from servegen_fw.cli import main as cli_main
from servegen_fw.cli.main import COMMANDS, cli, main
from servegen_fw.errors import InputError, Place, Problem


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed program."""
    command = [sys.executable, "-m", "servegen_fw", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=120)


def status_of(*arguments: str) -> int:
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_help_lists_every_command() -> None:
    """The help names every command with its line and the exit statuses."""
    done = run("--help")
    assert done.returncode == 0
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} " in done.stdout
        # Long names of plugins' commands leave less room, so that lines may wrap.
        assert summary in " ".join(done.stdout.split())
    assert "130 interrupted" in done.stdout


def test_help_lines_are_the_commands_own() -> None:
    """The table of commands repeats each command's short help exactly."""
    context = click.Context(cli)
    for name, (_, summary) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert (command.name, command.short_help) == (name, summary)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself with --help."""
    assert status_of(name, "--help") == 0
    assert "Usage:" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    """Showing the help imports neither numpy nor any other heavy library, which is what keeps it quick."""
    script = (
        "import sys\nfrom servegen_fw.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('HEAVY', *(m for m in ('numpy', 'scipy', 'pyarrow', 'rich', 'httptools', 'uvloop', 'cattrs') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["HEAVY"]


def test_version() -> None:
    """--version prints the program's name and version."""
    done = run("--version")
    assert done.stdout.startswith("servegen-fw, version 0.")


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["run"], ["run", "a.toml", "--no-such-option"], ["generate", "a.toml"]]
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown commands, unknown options and missing arguments are told on standard error with status 2."""
    assert status_of(*arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_problems_are_told_with_place_and_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every problem of an error is printed with its place, and their number at the end; no traceback."""
    place = Place("suite.toml", 3, 5, "rat = 4", 3)

    def broken(**_: object) -> None:
        raise InputError(
            Problem("unknown key 'rat'", "case[0]", place, "did you mean 'rate'?"), Problem("second")
        )

    monkeypatch.setattr(cli_main.cli, "main", broken)
    assert status_of() == 2
    told = capsys.readouterr().err
    assert "error: suite.toml:3:5: case[0]: unknown key 'rat'" in told
    assert "  ^^^" in told
    assert "2 problems" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (click.exceptions.Abort(), 130), (click.exceptions.Exit(3), 3)],
)
def test_interrupt_and_exit_keep_their_status(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """Ctrl-C ends with 130; a command's own exit status is passed on."""

    def broken(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli_main.cli, "main", broken)
    assert status_of() == status


def test_closed_pipe_is_no_verdict() -> None:
    """A reader that leaves early (head) ends the program as SIGPIPE would, not as a missed objective, and quietly."""
    command = f"{sys.executable} -m servegen_fw schema | head -c 100"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {0, 141}  # 0 if all was written before the reader left
    assert done.stderr == ""
