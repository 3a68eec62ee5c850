"""A plugin registered in process: one entry of every kind that suites choose, with every type of option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from servegen_fw.hooks import entries
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.setting import setting
from servegen_fw.hooks.specs import hookimpl


@attrs.frozen
class Renewal:
    cv: float = setting(1.0, doc="coefficient of variation of the gaps", gt=0)


@attrs.frozen
class Exponential:
    mean: float = setting(doc="mean", unit="tokens", gt=0)
    max: int = setting(0, doc="largest value, 0 for none", unit="tokens", ge=0)


@attrs.frozen
class Uniform:
    """A config class that checks two options together."""

    low: int = setting(1, doc="smallest value", ge=0)
    high: int = setting(doc="largest value")

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(f"high ({self.high}) must not be below low ({self.low})")


@attrs.frozen
class Mixture:
    """A config class that chooses entries of its own kind."""

    parts: tuple[Choice, ...] = setting(doc="what is mixed", kind="length")


@attrs.frozen
class OnOff:
    on: float = setting(doc="mean time on", unit="s", gt=0)
    off: float = setting(doc="mean time off", unit="s", gt=0)


@attrs.frozen
class Geometric:
    turns: float = setting(doc="mean number of turns", ge=1)
    think: Choice = setting(doc="think time in seconds", kind="length")


@attrs.frozen
class Image:
    count: Choice | None = setting(None, doc="images in a request", kind="length")


@attrs.frozen
class Server:
    url: str = setting(doc="address", pattern=r"https?://.*")
    model: str = setting("m", doc="name of the model")
    ignore_eos: bool = setting(False, doc="generate all tokens asked for")
    api_key: str | None = setting(None, doc="variable that holds the key", secret=True)
    protocol: Literal["http", "grpc"] = setting("http", doc="protocol")
    memory: int = setting(0, doc="memory", unit="bytes", ge=0)
    power_w: float = setting(300.0, doc="power", unit="W", key="power")
    wait: float = setting(float("inf"), doc="longest wait", unit="s", gt=0)
    headers: Mapping[str, str] = setting(factory=dict, doc="further headers")
    size: tuple[int, int] = setting((1, 1), doc="width and height")
    lanes: tuple[int, ...] = setting((), doc="lanes", ge=1)
    batch: int | Literal["auto"] = setting("auto", doc="batch size", ge=1)
    extra: Any = setting(None, doc="anything")


@attrs.frozen
class PoolFile:
    name: str = setting(doc="name of the pool")


def make(config: object) -> object:
    """Return the config: suites make no products."""
    return config


@hookimpl
def servegen_arrivals() -> list[entries.ArrivalEntry]:
    """Offer arrivals."""
    return [
        entries.ArrivalEntry(name="poisson", make=make),
        entries.ArrivalEntry(name="gamma", make=make, config=Renewal),
    ]


@hookimpl
def servegen_modulations() -> list[entries.ModulationEntry]:
    """Offer modulations."""
    return [entries.ModulationEntry(name="on-off", make=make, config=OnOff)]


@hookimpl
def servegen_lengths() -> list[entries.LengthEntry]:
    """Offer lengths."""
    return [
        entries.LengthEntry(name="exponential", make=make, config=Exponential, summary="Exponential lengths"),
        entries.LengthEntry(name="mixture", make=make, config=Mixture),
        entries.LengthEntry(name="uniform", make=make, config=Uniform),
    ]


@hookimpl
def servegen_conversations() -> list[entries.ConversationEntry]:
    """Offer conversations."""
    return [entries.ConversationEntry(name="geometric", make=make, config=Geometric)]


@hookimpl
def servegen_modalities() -> list[entries.ModalityEntry]:
    """Offer modalities."""
    return [entries.ModalityEntry(name="image", make=make, config=Image)]


@hookimpl
def servegen_backends() -> list[entries.BackendEntry]:
    """Offer backends."""
    return [entries.BackendEntry(name="server", make=make, config=Server)]


@hookimpl
def servegen_readers() -> list[entries.ReaderEntry]:
    """Offer readers."""
    return [entries.ReaderEntry(name="pool-file", make=make, config=PoolFile)]


@hookimpl
def servegen_metrics() -> list[entries.MetricEntry]:
    """Offer metrics."""
    return [
        entries.MetricEntry(name="wait", make=make, unit="s"),
        entries.MetricEntry(name="share", make=make, unit="1"),
        entries.MetricEntry(name="anything", make=make),
    ]


@hookimpl
def servegen_reporters() -> list[entries.ReporterEntry]:
    """Offer reporters."""
    return [entries.ReporterEntry(name="page", make=make)]


@hookimpl
def servegen_check(suite: Any) -> list[tuple[str, str, str]]:
    """Refuse addresses that cannot be spoken."""
    return [
        (f"target.{name}.backend.url", "the address is unspeakable", "write another")
        for name, target in suite.targets.items()
        if target.backend.entry.name == "server" and "unspeakable" in target.backend.config.url
    ]
