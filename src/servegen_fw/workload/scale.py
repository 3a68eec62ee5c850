"""How a recording becomes the rate asked for: keep a share of its requests, speed its clients up, or take other clients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.demand import Demand, recorded_rate
from servegen_fw.workload.part import Part
from servegen_fw.workload.streams import Streams


@attrs.frozen(eq=False)
class Scaling:
    """What is done to every client of a recording.

    Attributes
    ----------
        intensity: factor on the client's recorded rate, over the time of the case.
        keep: probability that a session is kept, over the time of the case; None to keep all.
        copies: expected number of copies of each client; None for exactly one.
    """

    intensity: Curve
    keep: Curve | None = None
    copies: float | None = None


def scaling(part: Part, demand: Demand) -> Scaling:
    """How a recorded group gets from its mean rate to the rate asked for.

    With r(t) asked of a recorded mean R the factor is f(t) = r(t) / R. ``thin`` keeps a session iff its stored uniform
    is below f(t); ``rate`` multiplies every client's rate by f(t); ``clients`` takes copies of whole clients, in
    expectation as many as the mean of f, and multiplies rates only by how f(t) departs from its mean.

    Where the suite makes a pool's recorded requests sessions of several turns, 1 / mean turns of them are kept, or
    made, so that the number of requests is as asked. Sessions that a pool recorded are kept or made like requests.

    Raises
    ------
        InputError: more is asked of ``thin`` than was recorded, or the recording is empty there.
    """
    one = Curve.constant(1.0)
    starts = 1.0 if part.conversation is None or part.counts_sessions else 1.0 / part.mean_turns
    if demand.rate is None:
        return Scaling(one, None if starts == 1 else one.scaled(starts))
    if demand.recorded <= 0:
        raise InputError(
            Problem(
                f"nothing was recorded in the {demand.duration_s:g} s from {part.start_s:g} s on, so it has no rate to scale",
                who=part.who,
                cure="choose another `from`, or a longer case",
            )
        )
    factor = demand.rate.scaled(1.0 / demand.recorded)
    if part.group.scale == "rate":
        return Scaling(factor.scaled(starts))
    if part.group.scale == "clients":
        mean = factor.mean(0.0, demand.duration_s)
        return Scaling(factor.scaled(starts / mean), copies=_copies(part, demand, mean))
    peak = factor.peak(0.0, demand.duration_s)
    if peak > 1 + 1e-9:
        raise InputError(
            Problem(
                f"up to {peak * demand.recorded:.6g} requests/s are asked of a recording that has {demand.recorded:.6g} "
                f'from {part.start_s:g} s on; scale = "thin" can only leave requests out',
                who=part.who,
                cure='lower the rate, or choose scale = "rate" (every client faster) or scale = "clients" (more clients)',
            )
        )
    return Scaling(one, factor.scaled(starts))


def _copies(part: Part, demand: Demand, mean: float) -> float:
    """Expected copies of each client for `mean` times the recorded rate.

    Copies of recorded requests are turned over the whole recording, so each brings the mean rate of all of it, and not
    that of the case's part.
    """
    if not isinstance(part.source, Workload) or mean <= 1:
        return mean
    everywhere = recorded_rate(part.source, 0.0, part.source.duration_s)
    return 1.0 + (mean - 1.0) * demand.recorded / everywhere


def copies_of(
    names: Sequence[str], order: Sequence[int], copies: float | None, group: str, streams: Streams
) -> list[tuple[int, str]]:
    """Clients of a resampled population: (index of the original, name), originals in the given order.

    Every client is taken floor(copies) times, and once more iff its stored uniform is below the fraction: the
    expected population is exact, one times a population is the population itself, and a larger service holds every
    client of a smaller one. The first copy keeps the name, further ones are called ``name~2``, ``name~3`` ...
    """
    if copies is None:
        return [(index, names[index]) for index in order]
    whole = math.floor(copies)
    taken = []
    for index in order:
        name = names[index]
        more = streams.at(group, name, "copies").random() < copies - whole
        taken += [(index, name if k == 0 else f"{name}~{k + 1}") for k in range(whole + int(more))]
    return taken
