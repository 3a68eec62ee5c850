"""Declarations of the kernel's metrics: names, labels and exact definitions. Light: nothing is computed here."""

from __future__ import annotations

from servegen_fw.hooks.entries import MetricEntry

_SERIES = "servegen_fw.judge.latencies"
_SCALARS = "servegen_fw.judge.totals"

METRICS = (
    MetricEntry(
        name="ttft",
        make=f"{_SERIES}:ttft",
        unit="s",
        label="TTFT from due time",
        summary="time to first token, reasoning or answer",
        definition="from the due time to the first chunk with a token, reasoning or answer; judged requests that succeeded",
    ),
    MetricEntry(
        name="ttfa",
        make=f"{_SERIES}:ttfa",
        unit="s",
        label="first answer token",
        summary="time to first answer token",
        definition="from the due time to the first chunk with an answer token; judged requests that succeeded and answered",
    ),
    MetricEntry(
        name="itl",
        make=f"{_SERIES}:itl",
        unit="s",
        label="ITL",
        summary="inter-token latency: every gap counts",
        definition="between one chunk with tokens and the next of the same request; all gaps of judged requests that succeeded",
    ),
    MetricEntry(
        name="tpot",
        make=f"{_SERIES}:tpot",
        unit="s",
        label="TPOT",
        summary="time per output token after the first",
        definition="(last - first chunk with tokens) / (output tokens - 1); judged requests that succeeded with more than one token",
    ),
    MetricEntry(
        name="e2e",
        make=f"{_SERIES}:e2e",
        unit="s",
        label="end to end",
        summary="from due to done",
        definition="from the due time to the end of the stream; judged requests that succeeded",
    ),
    MetricEntry(
        name="ttft-sent",
        make=f"{_SERIES}:ttft_sent",
        unit="s",
        label="TTFT from sent",
        summary="time to first token as a server's own timings count it",
        definition="from the last byte of the request written to the first chunk with a token; judged requests that succeeded",
    ),
    MetricEntry(
        name="lag",
        make=f"{_SERIES}:lag",
        unit="s",
        label="driver lag",
        summary="how late the driver was",
        definition="from the due time to the hand-over to the backend; all judged requests that left, none on a virtual clock",
    ),
    MetricEntry(
        name="goodput",
        make=f"{_SCALARS}:goodput",
        unit="ratio",
        label="goodput",
        summary="share of requests that met every per-request objective",
        definition="judged requests that succeeded and whose own values meet every per-request objective, over all judged requests",
    ),
    MetricEntry(
        name="error-share",
        make=f"{_SCALARS}:error_share",
        unit="ratio",
        label="errors",
        summary="share of requests without success",
        definition="judged requests that failed, were truncated or cancelled or did not end, over all judged requests",
    ),
    MetricEntry(
        name="throughput",
        make=f"{_SCALARS}:throughput",
        unit="1/s",
        label="requests",
        summary="requests that ended well per second",
        definition="requests whose stream ended with success inside the window, whenever due, over the window's length",
    ),
    MetricEntry(
        name="output-throughput",
        make=f"{_SCALARS}:output_throughput",
        unit="tokens/s",
        label="output",
        summary="output tokens per second",
        definition="tokens generated inside the window, each request's spread evenly from its first to its last chunk, over the window's length",
    ),
    MetricEntry(
        name="input-throughput",
        make=f"{_SCALARS}:input_throughput",
        unit="tokens/s",
        label="input",
        summary="prompt tokens per second",
        definition="prompt tokens of requests whose first token came inside the window, over the window's length",
    ),
    MetricEntry(
        name="offered-rate",
        make=f"{_SCALARS}:offered_rate",
        unit="1/s",
        label="offered",
        summary="requests due per second",
        definition="requests due inside the window over the window's length; an exact count, so without an interval",
    ),
    MetricEntry(
        name="achieved-rate",
        make=f"{_SCALARS}:achieved_rate",
        unit="1/s",
        label="sent",
        summary="requests that left per second",
        definition="requests handed to the backend inside the window over the window's length; an exact count, so without an interval",
    ),
)
