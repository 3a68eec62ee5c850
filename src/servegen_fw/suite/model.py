"""The suite as typed, frozen objects. Attribute docs, limits and units here are what the schema and the messages say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.setting import METADATA_KEY, setting

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

SUITE_FORMAT = 1


@attrs.frozen
class RateCurve:
    """Requests per second over time: linear between points, constant before the first and after the last.

    Written as ``"4/s"`` or as ``[["0s", "4/s"], ["10min", "16/s"]]``.

    Attributes
    ----------
        times_s: ascending; a repeated time is a step.
        rates: at these times, 1/s, none negative, not all zero.
    """

    times_s: tuple[float, ...]
    rates: tuple[float, ...]


@attrs.frozen
class Dependence:
    """Two fields of a request that rise and fall together, or against each other."""

    between: tuple[str, str] = setting(
        doc='two fields: "input", "output", "reason" (share of the output), "image_count" ..., or a further field of the pool'
    )
    rank: float = setting(doc="Spearman rank correlation (Gaussian copula); 1 is comonotone", ge=-1, le=1)


@attrs.frozen
class Group:
    """A part of the population: recorded (`source`) or synthetic (`clients`, `arrival`, `input`, `output` ...)."""

    name: str = setting("", doc="name for reports and `where`; default group-1, group-2 ...")
    share: float = setting(1.0, doc="share of the requests offered, relative to the other groups", gt=0)

    source: Choice | None = setting(None, doc="recorded clients or requests", kind="reader")
    start_s: float = setting(0.0, doc="where in the recording the case begins", unit="s", ge=0, key="from")
    method: Literal["clients", "naive", "reference"] = setting(
        "clients",
        doc="client by client; or, for comparison only: naive (one process, one data set, no clients), reference (the reference tool's, with its defects)",
    )
    counts: Literal["recorded", "process"] = setting(
        "recorded",
        doc="requests per recorded window: the recording's own number, or what a stationary process yields",
    )
    scale: Literal["thin", "rate", "clients"] = setting(
        "thin",
        doc="how the recording becomes the rate asked for: keep a share of its requests, scale every client's rate, or resample clients",
    )

    clients: int = setting(1, doc="number of synthetic clients", ge=1)
    skew: float = setting(
        0.0, doc="Zipf exponent of the synthetic clients' rates; 0 for equal rates", ge=0, le=10
    )
    arrival: Choice | None = setting(None, doc="arrival process of each synthetic client", kind="arrival")
    modulation: Choice | None = setting(
        None, doc="rate modulation of each client in physical time", kind="modulation"
    )

    input: Choice | None = setting(None, doc="prompt tokens; overrides the recording's", kind="length")
    output: Choice | None = setting(
        None, doc="output tokens, reasoning included; overrides the recording's", kind="length"
    )
    correlation: float = setting(
        0.0,
        doc="Spearman rank correlation of input and output tokens (Gaussian copula); 1 is comonotone",
        ge=-1,
        le=1,
    )
    dependence: tuple[Dependence, ...] = setting(
        (), doc="rank correlations of pairs of fields; those not given are as recorded, or none"
    )
    reasoning: Choice | None = setting(
        None, doc="split of outputs into reasoning and answer", kind="reasoning"
    )
    session: Choice | None = setting(
        None, doc="turns and think times; without it every request stands alone", kind="conversation"
    )
    modality: tuple[Choice, ...] = setting((), doc="images, audio, video of the requests", kind="modality")
    prefix_tokens: int = setting(
        0, doc="length of a prompt prefix that requests share; overrides the recording's", unit="tokens", ge=0
    )
    prefixes: int = setting(
        0, doc="number of different prefixes among all sessions of the group; 0 for one per client", ge=0
    )
    prefix_skew: float = setting(
        0.0, doc="Zipf exponent of how often each of the prefixes is chosen; 0 for equally often", ge=0, le=10
    )
    prefix_share: float = setting(1.0, doc="share of the sessions that begin with a prefix", ge=0, le=1)
    max_input: int = setting(
        0, doc="longest prompt text; longer draws are cut and counted; 0 for no limit", unit="tokens", ge=0
    )
    max_output: int = setting(
        0, doc="longest output; longer draws are cut and counted; 0 for no limit", unit="tokens", ge=0
    )


@attrs.frozen
class WorkloadSpec:
    """Who sends what."""

    groups: tuple[Group, ...] = setting(doc="parts of the population", key="group")
    prompts: Choice | None = setting(
        None, doc="what prompts are made of; default: the first installed of random-words", kind="prompt"
    )


@attrs.frozen
class Load:
    """How one case offers the load."""

    kind: Literal["open", "closed"] = setting(
        "open", doc="open: requests leave on schedule; closed: a fixed number is kept in flight"
    )
    rate: RateCurve | None = setting(None, doc="total requests per second; default: as recorded", unit="1/s")
    session_rate: float | None = setting(
        None, doc="total sessions per second, instead of `rate`", unit="1/s", gt=0
    )
    duration_s: float | None = setting(
        None, doc="length of the case, warm-up included", unit="s", gt=0, key="duration"
    )
    warmup_s: float = setting(
        0.0, doc="requests due earlier are sent but not judged", unit="s", ge=0, key="warmup"
    )
    drain_s: float = setting(
        60.0, doc="how long requests may go on after the last one was due", unit="s", ge=0, key="drain"
    )
    timeout_s: float = setting(600.0, doc="limit for one request", unit="s", gt=0, key="timeout")
    concurrency: int | None = setting(None, doc="closed: sessions kept in flight", ge=1)
    requests: int | None = setting(None, doc="closed: number of requests", ge=1)
    sessions: Literal["reactive", "planned"] = setting(
        "reactive", doc="later turns are due at the parent's end plus think time, or at their planned time"
    )
    history: Literal["planned", "actual"] = setting(
        "planned",
        doc="what later turns carry: pre-rendered answers (same bytes for all) or the server's own words",
    )


@attrs.frozen
class Case:
    """One load on the workload."""

    name: str = setting(doc="name of the case", pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")
    load: Load = setting(doc="how the load is offered")


@attrs.frozen
class Where:
    """Which requests an objective is about; all given keys must hold."""

    client: str | None = setting(None, doc="name of a client")
    group: str | None = setting(None, doc="name of a group")
    modality: str | None = setting(
        None, doc='requests that carry such items; "text" for those that carry none'
    )
    turn: int | None = setting(None, doc="number of the turn, 0 for the first", ge=0)


@attrs.frozen
class Objective:
    """One thing that must hold for a PASS."""

    metric: str = setting(doc="name of a metric")
    stat: str = setting(
        "", doc='statistic: "p50", "p99", "p99.9", "mean", "max"; empty for a metric with one value'
    )
    max: float | None = setting(
        None, doc="largest allowed value, in the metric's unit or as a string with one", unit="any"
    )
    min: float | None = setting(
        None, doc="smallest allowed value, in the metric's unit or as a string with one", unit="any"
    )
    where: Where = setting(Where(), doc="only these requests")
    cases: tuple[str, ...] = setting((), doc="only these cases; all by default")
    targets: tuple[str, ...] = setting((), doc="only these targets; all by default")


@attrs.frozen
class Target:
    """A server under test."""

    backend: Choice = setting(doc="kind of server and how to reach it", kind="backend")
    engine: Choice | None = setting(None, doc="load driver; default local", kind="engine")
    observers: tuple[Choice, ...] = setting((), doc="what is sampled beside the load", kind="observer")
    facts: Mapping[str, Any] = setting(
        factory=dict, doc="free facts for reports: accelerator, count, price_per_hour ..."
    )


@attrs.frozen
class ReportSpec:
    """What is written at the end."""

    formats: tuple[str, ...] = setting(("console",), doc="names of reporters")
    require_certificate: bool = setting(
        default=False, doc="whether a cell whose workload is not certified is INVALID instead of a warning"
    )


@attrs.frozen
class Suite:
    """A benchmark: targets, workload, cases, objectives.

    `source` is the file it came from ("" if none), `text` its content, and `overrides` the ``--set`` options by the key
    path each one set; `registry` holds the plugins it was loaded with. None of them counts when suites are compared.
    """

    servegen: int = setting(doc="format of this file; 1", ge=SUITE_FORMAT, le=SUITE_FORMAT)
    name: str = setting(doc="name of the suite", pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")
    seed: int = setting(0, doc="root of all random streams; 0 is a seed like any other", ge=0)
    repeats: int = setting(1, doc="runs of every case on every target, each with a seed of its own", ge=1)
    require: tuple[str, ...] = setting(
        (), doc="distributions that must be installed and intact, e.g. servegen-fw-models"
    )
    targets: Mapping[str, Target] = setting(doc="servers under test, by name", key="target")
    workload: WorkloadSpec = setting(doc="who sends what")
    cases: tuple[Case, ...] = setting(doc="loads", key="case")
    slos: tuple[Objective, ...] = setting((), doc="objectives", key="slo")
    report: ReportSpec = setting(ReportSpec(), doc="what is written at the end")

    registry: Any = attrs.field(
        default=None, kw_only=True, eq=False, repr=False, metadata={METADATA_KEY: None}
    )
    source: str = attrs.field(default="", kw_only=True, eq=False, metadata={METADATA_KEY: None})
    text: str = attrs.field(default="", kw_only=True, eq=False, repr=False, metadata={METADATA_KEY: None})
    overrides: Mapping[tuple[str | int, ...], str] = attrs.field(
        factory=dict, kw_only=True, eq=False, repr=False, metadata={METADATA_KEY: None}
    )

    @classmethod
    def load(
        cls, path: str | Path, overrides: Iterable[str] = (), *, registry: Registry | None = None
    ) -> Suite:
        """Load a suite from a file; see `servegen_fw.suite.load.load_suite`.

        Parameters
        ----------
            path: of the TOML file.
            overrides: ``"case[0].load.rate=2/s"``, applied before anything is checked.
            registry: plugins; default all installed ones.

        Raises
        ------
            InputError: every problem of the file, each with its place.
        """
        from servegen_fw.suite.load import load_suite

        return load_suite(path, overrides=overrides, registry=registry)

    @classmethod
    def parse(cls, text: str, overrides: Iterable[str] = (), *, registry: Registry | None = None) -> Suite:
        """Load a suite from TOML text; as `load`, with ``<suite>`` as the file's name in messages.

        Raises
        ------
            InputError: every problem of the text, each with its place.
        """
        from servegen_fw.suite.load import parse_suite

        return parse_suite(text, overrides=overrides, registry=registry)
