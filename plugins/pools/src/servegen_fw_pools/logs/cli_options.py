"""Options of the commands that read a log, each defined once, and what they mean.

::

    @click.command("characterize")
    @log_options
    @click.option("--out", ...)
    def command(*, logs, form, column, time_unit, on_bad_rows, out): source = source_of(logs, form, column, time_unit, on_bad_rows)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from servegen_fw_pools.logs.columns import USUAL, Columns
from servegen_fw_pools.logs.formats import FORMATS, TIME_UNITS

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.logs.log import Log

F = TypeVar("F", bound=Callable[..., Any])

logs_argument = click.argument("logs", metavar="LOG...", nargs=-1, required=True)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["auto", *FORMATS]),
    default="auto",
    show_default=True,
    help="Format of the logs; auto looks at their content.",
)
column_option = click.option(
    "--column",
    multiple=True,
    metavar="NAME=COLUMN",
    help=f"Which column says what, e.g. client=user_id; an empty COLUMN for none. NAME: {', '.join(USUAL)}.",
)
time_unit_option = click.option(
    "--time-unit",
    type=click.Choice(["auto", *TIME_UNITS]),
    default="auto",
    show_default=True,
    help="Unit of the timestamps; iso for ISO 8601 texts.",
)
on_bad_rows_option = click.option(
    "--on-bad-rows",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Damaged rows: stop and show them, or read the rest and say what was skipped.",
)


def log_options(command: F) -> F:
    """Add the argument LOG... and the options of every command that reads a log.

    The command is called with ``logs: tuple[str, ...], form: str, column: tuple[str, ...], time_unit: str,
    on_bad_rows: str``; hand them to `source_of`.
    """
    for option in (on_bad_rows_option, time_unit_option, column_option, format_option, logs_argument):
        command = option(command)
    return command


def source_of(
    logs: Sequence[str], form: str, column: Sequence[str], time_unit: str, on_bad_rows: str
) -> Log | ClientPool:
    """Return what the options of `log_options` name: a log, or a pool of clients.

    Raises
    ------
        InputError: see `Columns.parse` and `read_source`.
    """
    from servegen_fw_pools.logs.source import read_source

    return read_source(
        logs,
        format=form,
        columns=Columns.parse(column),
        time_unit=time_unit,
        on_bad_rows="skip" if on_bad_rows == "skip" else "stop",
    )
