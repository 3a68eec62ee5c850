"""A stored result as Python sees it: report, records and workloads; what a crashed run left is judged on opening."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from servegen_fw.data.records import Records
from servegen_fw.data.report import Report, Verdict
from servegen_fw.data.run import Run
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.registry import Registry
from servegen_fw.results.recover import journalled, recover, stored_suite
from servegen_fw.results.store import STATE_COMPLETE, STATE_PARTIAL, CellKey, ResultFolder
from servegen_fw.workload.planning import plan_of

if TYPE_CHECKING:
    import pyarrow as pa


@attrs.frozen(eq=False, repr=False)
class Result:
    """A result folder and its report.

    Attributes
    ----------
        folder: where it is stored.
        report: the judged cells.
        state: "complete" or "partial".
        registry: plugins to read it with.
    """

    folder: ResultFolder
    report: Report
    state: str
    registry: Registry

    def __repr__(self) -> str:
        cells = ", ".join(f"{cell.case} on {cell.target}: {cell.verdict}" for cell in self.report.cells)
        return f"<Result {self.folder.path} {self.state} {self.verdict} ({cells})>"

    @classmethod
    def open(cls, path: Path | str, registry: Registry | None = None) -> Result:
        """Open a result folder. Cells that a crashed run had begun are judged from their journals and marked partial.

        Raises
        ------
            InputError: no result folder, a newer format, or damaged files.
        """
        folder = ResultFolder(Path(path))
        report, state = folder.read_report()
        registry = registry or Registry.load()
        if state == STATE_COMPLETE:
            return cls(folder, report, state, registry)
        if state != STATE_PARTIAL:
            report = recover(folder, report, registry)
        return cls(folder, report, STATE_PARTIAL, registry)

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL or INVALID; the worst of the cells."""
        return self.report.verdict

    def records(self, case: str = "", target: str = "", repeat: int = 0) -> pa.Table:
        """Return a cell's records as an Arrow table (see `servegen_fw.data.arrow.records_table`); names may be left out if there is one cell."""
        from servegen_fw.data.arrow import records_table

        return records_table(self._records(self._key(case, target, repeat)))

    def workload(self, case: str = "", repeat: int = 0) -> pa.Table:
        """Return what a case was sent as an Arrow table."""
        from servegen_fw.data.arrow import workload_table

        return workload_table(self._workload(self._key(case, "", repeat)))

    def run(self, case: str = "", target: str = "", repeat: int = 0) -> Run:
        """Return a cell as metrics see it, for figures that the report does not hold."""
        key = self._key(case, target, repeat)
        suite = stored_suite(self.folder, self.registry)
        load = next(one.load for one in suite.cases if one.name == key.case)
        return Run.measured(plan_of(load, self._workload(key), None), self._records(key))

    def publish(self, formats: Sequence[str]) -> list[Path]:
        """Let the reporters `formats` write into the folder; returns what they wrote."""
        written: list[Path] = []
        for name in formats:
            entry, owner = self.registry.find("reporter", name)
            written += Choice(entry, entry.config(), owner).make().write(self.report, self.folder.path)
        return written

    def _key(self, case: str, target: str, repeat: int) -> CellKey:
        for cell in self.report.cells:
            if case in {"", cell.case} and target in {"", cell.target} and repeat == cell.repeat:
                return CellKey(cell.case, cell.target, cell.repeat)
        cells = ", ".join(f"{cell.case} on {cell.target}" for cell in self.report.cells) or "none"
        raise InputError(
            Problem(
                f"no cell {case} on {target}, repeat {repeat}",
                who=str(self.folder.path),
                cure=f"cells: {cells}",
            )
        )

    def _records(self, key: CellKey) -> Records:
        found = self.folder.read_records(key)
        return journalled(self.folder, key, self._workload(key)) if found is None else found

    def _workload(self, key: CellKey) -> Workload:
        return self.folder.read_workload(key.case, key.repeat)
