"""Readers of suites for logs: each reads its files as `read_log` does and replays them."""

from __future__ import annotations

from pathlib import Path

import attrs

from servegen_fw.plugin import Workload
from servegen_fw_pools import options
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.read import read_log
from servegen_fw_pools.logs.replay import replay


@attrs.frozen
class LogReader:
    """Reads one log.

    Attributes
    ----------
        config: options of the suite.
        format: see `read_log`.
        columns: see `read_log`.
        time_unit: see `read_log`.
        delimiter: see `read_log`.
        block_tokens: see `read_log`.
    """

    config: options.LogFile
    format: str
    columns: Columns = Columns()
    time_unit: str = "auto"
    delimiter: str = ""
    block_tokens: int = 0

    def read(self) -> Workload:
        """Return the requests as recorded; see `replay` for sessions and prefixes. Notices become notes.

        Raises
        ------
            InputError: see `read_log`.
        """
        path = Path(self.config.path).expanduser()
        log = read_log(
            [path],
            format=self.format,
            columns=self.columns,
            time_unit=self.time_unit,
            on_bad_rows=self.config.on_bad_rows,
            delimiter=self.delimiter,
            block_tokens=self.block_tokens,
        )
        return replay(log, path.stem)


def make_azure(config: options.Azure) -> LogReader:
    """Make the reader ``azure``."""
    return LogReader(config, "azure")


def make_burstgpt(config: options.Burstgpt) -> LogReader:
    """Make the reader ``burstgpt``."""
    return LogReader(config, "burstgpt")


def make_mooncake(config: options.Mooncake) -> LogReader:
    """Make the reader ``mooncake``."""
    return LogReader(config, "mooncake", block_tokens=config.block_tokens)


def make_bailian(config: options.Bailian) -> LogReader:
    """Make the reader ``bailian``."""
    return LogReader(config, "bailian", block_tokens=config.block_tokens)


def make_csv(config: options.Csv) -> LogReader:
    """Make the reader ``csv``."""
    return LogReader(config, "csv", _columns(config), config.time_unit, config.delimiter)


def make_jsonl(config: options.Jsonl) -> LogReader:
    """Make the reader ``jsonl``."""
    return LogReader(config, "jsonl", _columns(config), config.time_unit)


def make_parquet(config: options.Parquet) -> LogReader:
    """Make the reader ``parquet``."""
    return LogReader(config, "parquet", _columns(config), config.time_unit)


def _columns(config: options.NamedColumns) -> Columns:
    return Columns(**{field.name: getattr(config, field.name, "") for field in attrs.fields(Columns)})
