"""Options that several commands share, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.model import Suite

F = TypeVar("F", bound=Callable[..., Any])

suite_argument = click.argument("suite_path", metavar="SUITE", type=click.Path(path_type=Path))
set_option = click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Change a value of the suite, e.g. 'case[0].load.rate=4/s'.",
)
case_option = click.option(
    "--case", "cases", metavar="NAME", multiple=True, help="Only this case; may be repeated."
)
target_option = click.option(
    "--target", "targets", metavar="NAME", multiple=True, help="Only this target; may be repeated."
)
block_option = click.option(
    "--block", metavar="PLUGIN", multiple=True, help="Leave a plugin out, by distribution name."
)
strict_option = click.option("--strict", is_flag=True, help="Stop if any installed plugin fails to load.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output instead of text."
)
workload_option = click.option(
    "--workload",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Send this workload file (made by generate) instead of composing one; needs a single case.",
)


def suite_options(command: F) -> F:
    """Add the options of every command that reads a suite."""
    for option in (strict_option, block_option, set_option):
        command = option(command)
    return command


def load(
    path: Path, overrides: tuple[str, ...], block: tuple[str, ...], strict: bool
) -> tuple[Suite, Registry]:
    """Load plugins and suite, failed plugins told on standard error.

    Raises
    ------
        ServegenError: the suite or, with `strict`, a plugin cannot be used.
    """
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.load import load_suite

    registry = Registry.load(block=block, strict=strict)
    for failed in registry.failed:
        click.echo(f"warning: plugin {failed.distribution} is left out: {failed.reason}", err=True)
    suite = load_suite(path, overrides=overrides, registry=registry)
    registry.require_intact(suite.require)
    return suite, registry


def echo_json(data: object) -> None:
    """Print data as JSON."""
    import json

    click.echo(json.dumps(data, indent=1))
