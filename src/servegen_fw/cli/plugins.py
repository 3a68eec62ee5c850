"""``servegen-fw plugins``."""

from __future__ import annotations

import click

from servegen_fw.cli import options


@click.command("plugins", short_help="List installed plugins and what they offer.")
@options.block_option
@options.strict_option
@options.json_option
def plugins_command(block: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """List every installed plugin with its version, what it offers under which name, and those that failed to load."""
    from servegen_fw.hooks.discovery import COLLECTED
    from servegen_fw.hooks.registry import Registry

    registry = Registry.load(block=block, strict=strict)
    kinds = [entry_class.kind for entry_class in COLLECTED.values()]
    offered = [
        {"distribution": owner, "kind": kind, "name": entry.name, "summary": entry.summary}
        for kind in kinds
        for entry, owner in registry.entries(kind)
    ]
    if as_json:
        options.echo_json(
            {
                "plugins": [
                    {"distribution": one.distribution, "version": one.version, "hook_api": list(one.hook_api)}
                    for one in registry.plugins
                ],
                "failed": [
                    {"distribution": one.distribution, "reason": one.reason} for one in registry.failed
                ],
                "entries": offered,
            }
        )
        return
    width = max(len(one["name"]) for one in offered) + 2
    for plugin in registry.plugins:
        click.echo(f"{plugin.distribution} {plugin.version}".rstrip())
        for one in offered:
            if one["distribution"] == plugin.distribution:
                click.echo(f"  {one['kind']:<13}{one['name']:<{width}}{one['summary']}")
    for failed in registry.failed:
        click.echo(f"{failed.distribution} {failed.version} FAILED: {failed.reason}")
