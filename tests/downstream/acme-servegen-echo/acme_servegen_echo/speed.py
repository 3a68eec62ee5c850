"""The metric `output-speed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servegen_fw.plugin import Series

if TYPE_CHECKING:
    from servegen_fw.plugin import NoOptions, Run


class OutputSpeed:
    """Tokens per second of each judged request that succeeded and made more than one."""

    def compute(self, run: Run) -> Series:
        """One value a request, so that it counts for goodput and a missed objective names its requests."""
        records = run.records
        rows = run.ok[
            (records.output_tokens[run.ok] > 1) & (records.last_ns[run.ok] > records.first_ns[run.ok])
        ]
        lasted_s = (records.last_ns[rows] - records.first_ns[rows]) / 1e9
        return Series(
            values=(records.output_tokens[rows] - 1) / lasted_s,
            at_s=records.due_ns[rows] / 1e9,
            unit="tokens/s",
            better="higher",
            requests=len(rows),
            rows=rows,
        )


def make(_: NoOptions) -> OutputSpeed:
    """Build the metric, which has no options."""
    return OutputSpeed()
