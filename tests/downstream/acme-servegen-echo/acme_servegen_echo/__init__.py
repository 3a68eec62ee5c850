"""Declarations only: what is offered, under which names and with which options. Nothing heavy is imported here."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import BackendEntry, MetricEntry, hookimpl, setting

servegen_hook_api = (1, 0)


@attrs.frozen
class Echo:
    """Options of the echo backend."""

    first_s: float = setting(0.01, doc="time to the first token", unit="s", ge=0, key="first")
    gap_s: float = setting(0.002, doc="time between tokens", unit="s", ge=0, key="gap")
    longest: int = setting(4096, doc="longest output; a longer one is refused", unit="tokens", ge=1)


@hookimpl
def servegen_backends() -> list[BackendEntry]:
    """Offer the echo backend."""
    return [
        BackendEntry(
            name="echo",
            config=Echo,
            make="acme_servegen_echo.backend:EchoBackend",
            capabilities=frozenset({"text", "token-ids"}),
            summary="answers inside the process, after a stated time",
        )
    ]


@hookimpl
def servegen_metrics() -> list[MetricEntry]:
    """Offer a metric of one value a request."""
    return [
        MetricEntry(
            name="output-speed",
            make="acme_servegen_echo.speed:make",
            label="output speed",
            summary="tokens per second as a user sees them come",
            definition="(output tokens - 1) / (last - first chunk); judged requests that succeeded with more than one token",
            unit="tokens/s",
        )
    ]
