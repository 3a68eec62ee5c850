"""The result folder: written as the run goes, readable at every moment, complete only when it says so.

::

    NAME-TIME/
      result.json            format, state, report (rewritten after every cell)
      suite.toml             as given
      suite.resolved.json    every default filled in
      workload/CASE.REPEAT.parquet
      cells/CASE.TARGET.REPEAT/
        records.journal      while the cell runs; holds all but the last second
        records.parquet      once it has ended
        chunk_times.parquet, chunk_segments.parquet
        observations.parquet   if the target has observers
        certificate.md       whether the workload is what it claims, and was sent
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from servegen_fw.data import arrow
from servegen_fw.data.certificate import Certificate
from servegen_fw.data.records import Records
from servegen_fw.data.replacing import replacing
from servegen_fw.data.report import Report
from servegen_fw.data.run import Observations
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.results.certificate_page import certificate_page
from servegen_fw.results.codec import plain, report_from_json, report_to_json

RESULT_FORMAT: Final = 1
STATE_RUNNING: Final = "running"
STATE_COMPLETE: Final = "complete"
STATE_PARTIAL: Final = "partial"


def now_text() -> str:
    """Return the present time as ISO 8601 in UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@attrs.frozen
class CellKey:
    """Which cell: case, target, repeat."""

    case: str
    target: str
    repeat: int

    @property
    def folder(self) -> str:
        """Name of the cell's folder."""
        return f"{self.case}.{self.target}.{self.repeat}"


@attrs.frozen
class ResultFolder:
    """A result folder on disk. Every write replaces a file as a whole, so that a crash leaves the old one or the new."""

    path: Path

    @classmethod
    def create(cls, out: Path | None, name: str, created: str) -> ResultFolder:
        """Make a new folder: `out` itself, or ``results/NAME-TIME`` under the working directory.

        Raises
        ------
            InputError: `out` exists and is not an empty folder, or cannot be made.
        """
        stamp = created.partition("+")[0].replace(":", "-")
        wanted = out or Path("results") / f"{name}-{stamp}"
        path, number = wanted, 1
        while out is None and path.exists():
            number += 1
            path = wanted.with_name(f"{wanted.name}-{number}")
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise InputError(
                    Problem(
                        "the result folder is not empty", who=str(path), cure="give another one with --out"
                    )
                )
        except OSError as error:
            raise InputError(
                Problem(
                    f"cannot make the result folder: {error.strerror}",
                    who=str(path),
                    cure="give another one with --out",
                )
            ) from error
        return cls(path)

    def cell(self, key: CellKey) -> Path:
        """Return the folder of a cell, made if need be."""
        path = self.path / "cells" / key.folder
        path.mkdir(parents=True, exist_ok=True)
        return path

    def journal(self, key: CellKey) -> Path:
        """Return the path of a cell's journal."""
        return self.cell(key) / "records.journal"

    def write_suite(self, text: str, resolved: Mapping[str, Any]) -> None:
        """Store the suite as given and as resolved."""
        self._replace("suite.toml", text.encode())
        self._replace("suite.resolved.json", json.dumps(plain(dict(resolved)), indent=1).encode())

    def write_workload(self, case: str, repeat: int, workload: Workload) -> None:
        """Store what is sent in a case."""
        self._parquet(self.path / "workload" / f"{case}.{repeat}.parquet", arrow.workload_table(workload))

    def write_records(self, key: CellKey, records: Records) -> None:
        """Store what happened in a cell and drop its journal."""
        cell = self.cell(key)
        if records.chunks is not None:
            times, segments = arrow.chunks_tables(records.chunks)
            self._parquet(cell / "chunk_times.parquet", times)
            self._parquet(cell / "chunk_segments.parquet", segments)
        self._parquet(cell / "records.parquet", arrow.records_table(records))
        self.journal(key).unlink(missing_ok=True)

    def write_certificate(self, key: CellKey, certificate: Certificate) -> None:
        """Store a cell's certificate for people; the report holds it for programs."""
        cell = self.cell(key)
        self._replace(f"cells/{cell.name}/certificate.md", certificate_page(certificate).encode())

    def write_observations(self, key: CellKey, observations: Observations) -> None:
        """Store what observers sampled in a cell; nothing is written if there were none."""
        if len(observations.t_ns):
            self._parquet(self.cell(key) / "observations.parquet", arrow.observations_table(observations))

    def write_report(self, report: Report, state: str) -> None:
        """Store the report so far; `state` is "running", "partial" or "complete"."""
        data = {
            "servegen_result": RESULT_FORMAT,
            "state": state,
            "verdict": report.verdict,
            "report": report_to_json(report),
        }
        self._replace("result.json", json.dumps(data, indent=1).encode())

    def read_report(self) -> tuple[Report, str]:
        """Return the stored report and its state.

        Raises
        ------
            InputError: no result folder, a newer format, or a damaged file.
        """
        file = self.path / "result.json"
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                Problem(
                    "not a result folder: result.json is missing",
                    who=str(self.path),
                    cure="name a folder that `run` made",
                )
            ) from None
        except (ValueError, OSError) as error:
            raise InputError(Problem(f"result.json cannot be read: {error}", who=str(self.path))) from error
        version = data.get("servegen_result") if isinstance(data, dict) else None
        if not isinstance(version, int):
            raise InputError(Problem("result.json is not of servegen-fw", who=str(self.path)))
        if version > RESULT_FORMAT:
            raise InputError(
                Problem(
                    f"result format {version} is newer than this servegen-fw knows ({RESULT_FORMAT})",
                    who=str(self.path),
                )
            )
        try:
            return report_from_json(data["report"]), str(data["state"])
        except (
            Exception
        ) as error:  # a damaged report fails in cattrs in many ways; all mean the same to the reader
            raise InputError(Problem(f"result.json is damaged: {error}", who=str(self.path))) from error

    def read_workload(self, case: str, repeat: int) -> Workload:
        """Return what was sent in a case."""
        return read_workload(self.path / "workload" / f"{case}.{repeat}.parquet")

    def read_records(self, key: CellKey) -> Records | None:
        """Return what happened in a cell, None if its records were never completed (see its journal)."""
        cell = self.path / "cells" / key.folder
        if not (cell / "records.parquet").exists():
            return None
        chunks = None
        if (cell / "chunk_times.parquet").exists():
            chunks = arrow.chunks_from_tables(
                _table(cell / "chunk_times.parquet"), _table(cell / "chunk_segments.parquet")
            )
        return arrow.records_from_table(_table(cell / "records.parquet"), chunks)

    def _replace(self, name: str, content: bytes) -> None:
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def _parquet(self, path: Path, table: pa.Table) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")


def _table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
        # What was only known at the end stands in the footer, and not in the schema that stands in it, too.
        footer = pq.read_metadata(path).metadata or {}
        told = {arrow.META_KEY: footer[arrow.META_KEY]} if arrow.META_KEY in footer else {}
        return table.replace_schema_metadata({**(table.schema.metadata or {}), **told})
    except FileNotFoundError:
        raise InputError(Problem("no such file", who=str(path))) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(Problem(f"not a readable Parquet file: {error}", who=str(path))) from error


def read_workload(path: Path) -> Workload:
    """Return the workload of a Parquet file.

    Raises
    ------
        InputError: the file is missing, damaged, of another kind, or its rows do not have the digest it states.
    """
    table = _table(path)
    try:
        return arrow.workload_from_table(table)
    except InputError as error:
        raise InputError(*(attrs.evolve(problem, who=str(path)) for problem in error.problems)) from error
