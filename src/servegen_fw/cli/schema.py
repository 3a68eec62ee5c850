"""``servegen-fw schema``."""

from __future__ import annotations

import click

from servegen_fw.cli import options


@click.command("schema", short_help="Print the JSON Schema of suites with all installed plugins.")
@options.block_option
def schema_command(block: tuple[str, ...]) -> None:
    """Print the JSON Schema of suites, with the options of every installed plugin, their docs, units and limits."""
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.schema import json_schema

    options.echo_json(json_schema(Registry.load(block=block)))
