"""Entry point of ``servegen-fw``: finds the command, turns errors into messages and exit statuses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Final

import click

from servegen_fw import __version__
from servegen_fw.errors import ServegenError

EXIT_PASS: Final = 0
EXIT_MISSED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_INVALID: Final = 3
EXIT_INTERRUPTED: Final = 130
EXIT_READER_LEFT: Final = 141
"""As a shell reports a program that SIGPIPE ended."""

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": (
        "servegen_fw.cli.run:run_command",
        "Run a suite against its targets, judge it, and store the result.",
    ),
    "plan": (
        "servegen_fw.cli.plan:plan_command",
        "Compose a suite's workload and describe it, without sending load.",
    ),
    "check": ("servegen_fw.cli.check:check_command", "Check suites and show every problem with its place."),
    "generate": ("servegen_fw.cli.generate:generate_command", "Write a suite's workload to a file."),
    "certify": (
        "servegen_fw.cli.certify:certify_command",
        "Test whether a workload is what its suite claims, and whether it was sent.",
    ),
    "show": ("servegen_fw.cli.show:show_command", "Show a stored result, complete or partial."),
    "plugins": ("servegen_fw.cli.plugins:plugins_command", "List installed plugins and what they offer."),
    "schema": (
        "servegen_fw.cli.schema:schema_command",
        "Print the JSON Schema of suites with all installed plugins.",
    ),
}
"""name -> where the command lives, and its line in the help (kept equal to the command's own by a test)."""


class LazyGroup(click.Group):
    """Imports a command when it is used; asks plugins for theirs only when the name is not one of ours."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our commands in the order of work, then the plugins'."""
        del ctx
        return [*COMMANDS, *sorted(set(_plugin_commands()) - set(COMMANDS))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        del ctx
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            command = getattr(importlib.import_module(module), name)
        else:
            make = _plugin_commands().get(cmd_name)
            command = make() if make else None
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands with their one line, without importing any."""
        del ctx
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        rows += [
            (name, make.summary) for name, make in sorted(_plugin_commands().items()) if name not in COMMANDS
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class _PluginCommand:
    """A plugin's command before it is imported."""

    def __init__(self, summary: str, make: object) -> None:
        self.summary = summary
        self._make = make

    def __call__(self) -> object:
        return self._make() if callable(self._make) else None


def _plugin_commands() -> dict[str, _PluginCommand]:
    from servegen_fw.hooks.registry import Registry

    return {
        entry.name: _PluginCommand(entry.summary, lambda entry=entry: entry.product(entry.config()))
        for entry, _ in Registry.load().entries("command")
    }


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="servegen-fw")
def cli() -> None:
    """Benchmark LLM servers with realistic per-client workloads.

    \b
    Exit status: 0 pass, 1 an objective was missed, 2 bad input, 3 the run is invalid, 130 interrupted.
    """  # noqa: D301  # \b is click's mark for "keep these lines"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; errors of the input are told without a traceback."""
    try:
        status = cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        status = EXIT_INTERRUPTED
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.ClickException as error:
        error.show()
        status = EXIT_BAD_INPUT
    except ServegenError as error:
        click.echo(tell(error), err=True)
        status = error.exit_status
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        status = EXIT_INTERRUPTED
    except SystemExit as error:
        # Click ends a program whose reader has left (a pager, head) with 1, which here would say "objective missed".
        reader_left = type(sys.stdout).__name__ == "PacifyFlushWrapper"
        status = EXIT_READER_LEFT if reader_left else error.code
    sys.exit(status if isinstance(status, int) else EXIT_PASS)


def tell(error: ServegenError) -> str:
    """Return an error's problems as text, counted if there are several."""
    text = "\n".join(f"error: {problem}" for problem in error.problems)
    return f"{text}\n{len(error.problems)} problems" if len(error.problems) > 1 else text
