"""Readers of request logs whose columns the suite names: CSV and JSON lines."""

from __future__ import annotations

from pathlib import Path

import attrs

from servegen_fw.plugin import Workload
from servegen_fw_pools.logs.notation import read_csv, read_jsonl
from servegen_fw_pools.options import Csv, Jsonl
from servegen_fw_pools.logs.replay import Log, replay
from servegen_fw_pools.logs.rows import Rows


@attrs.frozen
class LogReader:
    """Reads one log."""

    config: Jsonl

    def read(self) -> Workload:
        """Return the requests as recorded; see `servegen_fw_pools.logs.replay.replay` for sessions.

        Raises
        ------
            InputError: the file is missing or damaged, or a named column is not there; up to 20 bad cells at once.
        """
        config = self.config
        path = Path(config.path).expanduser()
        named = (
            config.timestamp,
            config.input,
            config.output,
            config.reason,
            config.client,
            config.session,
            config.turn,
            config.latency,
        )
        wanted = tuple(dict.fromkeys(name for name in named if name))
        if isinstance(config, Csv):
            rows = read_csv(path, wanted, config.delimiter)
        else:
            rows = read_jsonl(path, wanted)
        log = Log(
            time_s=rows.times_s(config.timestamp, config.time_unit),
            input_tokens=rows.tokens(config.input),
            output_tokens=rows.tokens(config.output),
            reason_tokens=rows.tokens(config.reason) if config.reason else None,
            client=_ids(rows, config.client),
            session=_ids(rows, config.session),
            turn=rows.tokens(config.turn) if config.turn else None,
            latency_s=rows.seconds(config.latency) if config.latency else None,
        )
        rows.stop()
        return replay(log, path.stem)


def _ids(rows: Rows, name: str) -> list[str] | None:
    """Ids as texts, "" where the log has none; None without such a column."""
    return ["" if cell is None else str(cell) for cell in rows.cells[name]] if name else None


def make_csv(config: Csv) -> LogReader:
    """Make the reader ``csv``."""
    return LogReader(config)


def make_jsonl(config: Jsonl) -> LogReader:
    """Make the reader ``jsonl``."""
    return LogReader(config)
