"""The report as one JSON document, for programs."""

from __future__ import annotations

import json
from pathlib import Path

from servegen_fw.data.report import Report
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.results.codec import report_to_json


class JsonReporter:
    """The reporter "json": ``report.json``, the report part of ``result.json`` by itself."""

    def write(self, report: Report, folder: Path) -> list[Path]:
        """Write ``report.json``."""
        path = folder / "report.json"
        path.write_text(json.dumps(report_to_json(report), indent=1), encoding="utf-8")
        return [path]


def make_json(config: NoOptions) -> JsonReporter:
    """Make the reporter "json"."""
    del config
    return JsonReporter()
