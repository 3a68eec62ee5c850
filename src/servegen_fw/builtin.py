"""The kernel's own entries, declared through the same hooks as everyone's."""

from __future__ import annotations

from servegen_fw.drive.engines import Local
from servegen_fw.hooks.entries import EngineEntry, MetricEntry, ReporterEntry
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.judge.catalogue import METRICS

# --- engines ---


@hookimpl
def servegen_engines() -> list[EngineEntry]:
    """Offer the local engine."""
    return [
        EngineEntry(
            name="local",
            config=Local,
            make="servegen_fw.drive.local:LocalEngine",
            summary="one process, one event loop, absolute due times",
        )
    ]


# --- metrics ---


@hookimpl
def servegen_metrics() -> list[MetricEntry]:
    """Offer the kernel's metrics."""
    return list(METRICS)


# --- reporters ---


@hookimpl
def servegen_reporters() -> list[ReporterEntry]:
    """Offer the kernel's reporters."""
    return [
        ReporterEntry(
            name="console",
            make="servegen_fw.results.console:make_console",
            summary="text in the terminal and in report.txt",
        ),
        ReporterEntry(
            name="json",
            make="servegen_fw.results.json_report:make_json",
            summary="report.json, the report for programs",
        ),
    ]
