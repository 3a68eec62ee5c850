"""``servegen-fw pool``: what can be done with client pools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from servegen_fw_pools.durations import Rate, Seconds

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool, NoOptions

pool_argument = click.argument("named", metavar="POOL")
out_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Pool file to write."
)
name_option = click.option("--name", default="", help="Name of the new pool.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group("pool", short_help="List, show, filter, merge, scale and sample client pools.")
def command() -> None:
    """Work with client pools. POOL is a pool file, a folder of published client data, or a shipped pool's name."""


def make(config: NoOptions) -> click.Command:
    """Make the command."""
    del config
    return command


@command.command("list")
@click.argument("files", metavar="[FILE]...", nargs=-1)
@json_option
def list_command(*, files: tuple[str, ...], as_json: bool) -> None:
    """List the shipped pools, and FILEs."""
    from servegen_fw_pools.pool.opened import opened
    from servegen_fw_pools.pool.show import figures
    from servegen_fw_pools.shipped import shipped_names

    found = [(named, figures(opened(named))) for named in [*shipped_names(), *files]]
    if as_json:
        _json([{"pool": named, **{k: one[k] for k in _LISTED}} for named, one in found])
        return
    width = max(len(named) for named, _ in found)
    click.echo(f"{'pool':{width}}  {'clients':>8}  {'requests/s':>10}  {'days':>7}  fields")
    for named, one in found:
        rate = f"{one['rate']['mean']:g}"
        days = one["duration_s"] / 86_400
        click.echo(
            f"{named:{width}}  {one['clients']:8,}  {rate:>10}  {days:7.3g}  {', '.join(one['fields'])}"
        )


_LISTED = ("name", "clients", "rate", "duration_s", "skew", "fields")


@command.command("show")
@pool_argument
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many of the busiest clients.",
)
@json_option
def show_command(*, named: str, top: int, as_json: bool) -> None:
    """Show what is in POOL: clients, rates, gaps, lengths, skew, and where it comes from."""
    from servegen_fw_pools.pool.opened import opened
    from servegen_fw_pools.pool.show import figures, lines

    pool = opened(named)
    if as_json:
        _json(figures(pool))
        return
    for line in lines(pool, top):
        click.echo(line)


@command.command("filter")
@pool_argument
@click.option("--client", "clients", metavar="ID", multiple=True, help="Keep this client; may be repeated.")
@click.option("--from", "from_s", type=Seconds(), help="Begin of the time to keep, on the recording's clock.")
@click.option("--to", "to_s", type=Seconds(), help="End of the time to keep.")
@click.option(
    "--min-requests", type=click.IntRange(min=1), help="Keep clients with at least so many requests then."
)
@click.option("--top", type=click.IntRange(min=1), help="Keep the so many busiest clients.")
@name_option
@out_option
def filter_command(*, named: str, out: Path, name: str, **options: Any) -> None:
    """Keep some clients of POOL, or some hours. Times are those of the windows that they touch."""
    from servegen_fw_pools.pool.filter import filtered
    from servegen_fw_pools.pool.opened import opened

    _write(filtered(opened(named), **options), "filter", {"from": named, **_given(options)}, name, out)


@command.command("merge")
@click.argument("named", metavar="POOL POOL...", nargs=-1, required=True)
@click.option(
    "--from-start", is_flag=True, help="Begin each pool at its own start, not at the same time of day."
)
@name_option
@out_option
def merge_command(*, named: tuple[str, ...], from_start: bool, name: str, out: Path) -> None:
    """Put the clients of several POOLs into one, over the time that all cover, in the windows of the first."""
    from servegen_fw_pools.pool.merge import merged
    from servegen_fw_pools.pool.opened import opened

    pool = merged([opened(one) for one in named], from_start=from_start)
    _write(pool, "merge", {"of": list(named), **_given({"from_start": from_start})}, name, out)


@command.command("scale")
@pool_argument
@click.option("--factor", type=click.FloatRange(min=0, min_open=True), help="Multiply every client's counts.")
@click.option(
    "--rate", type=Rate(), help="Scale to this mean rate, e.g. 5/s, later turns of sessions included."
)
@name_option
@out_option
def scale_command(*, named: str, factor: float | None, rate: float | None, name: str, out: Path) -> None:
    """Make every client of POOL busier or less busy; the laws of gaps and lengths stay."""
    import math

    from servegen_fw.plugin import InputError, Problem
    from servegen_fw_pools.pool.opened import opened
    from servegen_fw_pools.pool.scale import scaled

    if (factor is None) == (rate is None):
        raise InputError(Problem("give either --factor or --rate", who="pool scale"))
    pool = opened(named)
    if rate is not None and not pool.rate > 0:
        raise InputError(Problem("sends nothing and cannot be scaled to a rate", who=pool.name))
    by = rate / pool.rate if rate is not None else factor
    if by is None or not math.isfinite(by):
        raise InputError(Problem(f"{by} is no factor", who="--factor", cure="give a number above 0"))
    _write(scaled(pool, by), "scale", {"from": named, "factor": by}, name, out)


@command.command("sample")
@pool_argument
@click.option("--clients", type=click.IntRange(min=1), required=True, help="How many new clients.")
@click.option(
    "--rate", type=Rate(), help="Their mean rate in all, e.g. 5/s.  [default: as much per client as in POOL]"
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other clients."
)
@name_option
@out_option
def sample_command(*, named: str, clients: int, rate: float | None, seed: int, name: str, out: Path) -> None:
    """Make new clients like those of POOL: rates drawn with the recorded skew, shapes from clients of similar size."""
    from servegen_fw_pools.pool.opened import opened
    from servegen_fw_pools.pool.sample import sampled

    pool = sampled(opened(named), clients, seed, rate)
    options = {"from": named, "clients": clients, "seed": seed, **_given({"rate": rate})}
    _write(pool, "sample", options, name, out)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {
        k: list(v) if isinstance(v, tuple) else v for k, v in options.items() if v not in (None, False, ())
    }


def _write(pool: ClientPool, step: str, options: dict[str, Any], name: str, out: Path) -> None:
    """Write a pool with what was done to it, and say what it holds."""
    import attrs

    from servegen_fw.plugin import save_pool
    from servegen_fw_pools.history import changed
    from servegen_fw_pools.pool.show import figures

    pool = changed(attrs.evolve(pool, name=name) if name else pool, f"pool {step}", options)
    save_pool(pool, out, compress=True)
    found = figures(pool)
    top = found["skew"]["top_1_share"]
    click.echo(
        f"{out}: {found['clients']:,} clients, {found['rate']['mean']:g} requests/s, "
        f"{found['duration_s'] / 3600:.4g} h, top client {100 * top:.1f} %"
    )


def _json(data: object) -> None:
    import json

    click.echo(json.dumps(data, indent=1))
