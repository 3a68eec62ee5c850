"""The contracts of what entries make. Plain protocols: a plugin implements the methods and inherits nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

    from servegen_fw.data.arrays import F8, I4, I8
    from servegen_fw.data.payload import Payloads, Request
    from servegen_fw.data.plan import Plan
    from servegen_fw.data.pool import ClientPool
    from servegen_fw.data.records import Records
    from servegen_fw.data.report import Report
    from servegen_fw.data.run import Run, Scalar, Series
    from servegen_fw.data.workload import Workload


@runtime_checkable
class Arrivals(Protocol):
    """A stationary point process of mean rate 1 in scale-free time; the kernel warps it to any rate curve."""

    def unit_times(self, horizon: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon). A longer horizon with an equal `rng` only appends times."""
        ...


@runtime_checkable
class PhysicalArrivals(Protocol):
    """A point process whose memory is in seconds (Hawkes); marked by ``timescale = "physical"``."""

    timescale: Literal["physical"]

    def times(self, horizon_s: float, mean_rate: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon_s) seconds with the mean rate given in 1/s."""
        ...


@runtime_checkable
class GapFamily(Protocol):
    """A one-parameter family of inter-arrival gaps with mean 1, by which client pools name their windows' shape.

    All methods are element-wise over arrays, so one call draws the gaps of every window of a client.
    """

    def parameter(self, cv: F8, n: F8) -> F8:
        """Parameter for which n gaps, divided by their mean, have the squared sample CV cv^2 in expectation; n may be inf."""
        ...

    def gaps(self, parameter: F8, rng: Generator) -> F8:
        """One gap of mean 1 per element of `parameter`. A longer `parameter` with an equal `rng` only appends gaps."""
        ...

    def first(self, parameter: F8, rng: Generator) -> F8:
        """One equilibrium first gap per element: the wait from a random moment to the next arrival."""
        ...


@runtime_checkable
class Modulation(Protocol):
    """A random or fixed rate path in real seconds with mean level 1."""

    def path(self, horizon_s: float, rng: Generator) -> tuple[F8, F8]:
        """Breakpoints (float64[k], the first 0, ascending, in s) and levels (float64[k]) that hold from each on."""
        ...


@runtime_checkable
class Lengths(Protocol):
    """A distribution given by its quantile function, so that the kernel owns the uniforms and can correlate columns."""

    def ppf(self, u: F8) -> F8:
        """Quantiles at `u` in [0, 1), float64[n]; the kernel rounds and raises to 1 where a server needs it."""
        ...


@runtime_checkable
class Reasoning(Protocol):
    """How outputs split into reasoning and answer."""

    def split(self, output_tokens: I4, u: F8) -> I4:
        """Reason tokens in [0, output_tokens], int32[n]; `u` uniform in [0, 1)."""
        ...


@runtime_checkable
class Modality(Protocol):
    """Items of one modality."""

    modality: str

    def items(self, n: int, rng: Generator) -> I4:
        """Items in each of n requests, int32[n]."""
        ...

    def encode(self, count: int, rng: Generator) -> Mapping[str, Any]:
        """Columns of `count` items: "tokens" (int32) and, where they apply, "width", "height" (int32), "seconds" (float64)."""
        ...


@runtime_checkable
class ModalityPerClient(Modality, Protocol):
    """A modality whose clients differ, for example in the sizes of their images. Without `for_client` all share one."""

    def for_client(self, rng: Generator) -> Modality:
        """Return the modality of one client; called once a client, with a stream that serves nothing else."""
        ...


@runtime_checkable
class Conversation(Protocol):
    """Turns of sessions."""

    carries_context: bool
    mean_turns: float

    def turns(self, n: int, rng: Generator) -> I4:
        """Turns in each of n sessions, int32[n], at least 1."""
        ...

    def think_s(self, n: int, rng: Generator) -> F8:
        """Think times before n later turns, float64[n] seconds."""
        ...


@runtime_checkable
class Prompts(Protocol):
    """What prompts are made of. Not timed."""

    def render(self, workload: Workload, streams: Streams) -> Payloads:
        """Segments for every row; randomness comes from ``streams.at(...)`` only."""
        ...


class Streams(Protocol):
    """Named random streams: the same label gives the same stream, whatever else is drawn."""

    def at(self, *label: str | int) -> Generator:
        """Return a fresh generator for the label."""
        ...


class Sink(Protocol):
    """Where a backend reports what it sees, synchronously, in the order it sees it. The sink owns the clock."""

    def sent(self) -> None:
        """Report that the last byte of the request was written (`HttpClient` calls it for HTTP backends)."""
        ...

    def read(self, t_ns: int) -> None:
        """Set the stamp of the bytes being parsed (`HttpClient` calls it); without it, calls are stamped as they come."""
        ...

    def chunk(self, tokens: int | None = 1, *, reasoning: bool = False) -> None:
        """Report a chunk that carries tokens; `tokens` None if their number is not known. Empty deltas are not chunks."""
        ...

    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        reason_tokens: int | None = None,
        cached_tokens: int | None = None,
    ) -> None:
        """Report token counts as the server states them."""
        ...

    def finish(self, reason: str) -> None:
        """Report the server's finish reason; a `send` that returns without it was truncated."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A client of one kind of server. It never reads the clock: the sink stamps."""

    async def start(self) -> Mapping[str, Any]:
        """Connect and make sure that the server and the model are there; returns facts (version, model, limits).

        Raises
        ------
            BackendError: it is not; the run ends with one clear message before any load is sent.
        """
        ...

    async def send(self, request: Request, sink: Sink) -> None:
        """Send one request and report its stream; cancelling closes the stream.

        Raises
        ------
            BackendError: the request failed; the code is stored with it and the run goes on.
        """
        ...

    async def stop(self) -> None:
        """Close all connections."""
        ...


@runtime_checkable
class VirtualBackend(Protocol):
    """A backend that owns the event clock: the whole plan is replayed in virtual time."""

    def replay(self, plan: Plan, progress: Progress) -> Records:
        """Records of the whole plan, sessions included."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Facts about the engine, as `Backend.start` returns them."""
        ...


class Progress(Protocol):
    """Told now and then how far a run is; never on the hot path, and from another thread where the run is live."""

    def update(self, *, at_s: float, due: int, done: int, in_flight: int, errors: int, lag_s: float) -> None:
        """Tell the state: clock time, requests due so far, ended, in flight, failed, and the recent lag."""
        ...

    def journal(self, records: Records, rows: I8) -> None:
        """Store the `rows` that ended since the last call, so that a crash loses at most a second.

        `records.chunks` holds the times of these rows only.
        """
        ...


@runtime_checkable
class Engine(Protocol):
    """A load driver."""

    def run(self, plan: Plan, backend: BackendRef, progress: Progress) -> tuple[Records, Mapping[str, Any]]:
        """Offer the plan's load; returns records and the backend's facts.

        Raises
        ------
            BackendError: the server was not reachable before the clock started.
        """
        ...


class BackendRef(Protocol):
    """How a worker process finds its backend: names and plain values; no callable and no secret is pickled."""

    @property
    def distribution(self) -> str:
        """Name of the distribution that offers the backend."""
        ...

    @property
    def version(self) -> str:
        """Its version, "" for a module registered in process."""
        ...

    @property
    def entry(self) -> str:
        """Name of the backend."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """Its options as plain values."""
        ...

    def make(self) -> Any:
        """Resolve it in this process's registry and build the backend; refuses another version."""
        ...


@runtime_checkable
class Observer(Protocol):
    """Samples something beside the load, off the event loop."""

    def start(self) -> None:
        """Open what is sampled."""
        ...

    def sample(self) -> list[tuple[str, float, str]]:
        """Return (series, value, unit) of this moment."""
        ...

    def stop(self) -> None:
        """Close it."""
        ...


@runtime_checkable
class Metric(Protocol):
    """A reading over a finished run."""

    def compute(self, run: Run) -> Series | Scalar:
        """Read the judged rows of `run`. An error has no latency; a one-token output has no TPOT."""
        ...


@runtime_checkable
class Reporter(Protocol):
    """Writes pages or files from a report; may read everything and change nothing."""

    def write(self, report: Report, folder: Path) -> list[Path]:
        """Write into `folder` and return what was written."""
        ...


@runtime_checkable
class Reader(Protocol):
    """A source of clients: a pool to draw from, or recorded requests to replay."""

    def read(self) -> ClientPool | Workload:
        """Read it.

        Raises
        ------
            InputError: the source is missing or damaged: file, place, cure.
        """
        ...


MakeFamily = Callable[[], GapFamily]
