"""Round trips of 20 random populations: generated and characterised; and generated, fitted, generated again, characterised.

On its own, with other sizes: python docs/findings/round_trip.py [--sessions N] [--populations N].
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs
from populations import Population, population, suite_of
from recovery import SIGMAS, Recovered, characterized, families, recovered
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.logs.convert import log_of
from servegen_fw_pools.logs.log import Log
from workloads import Data, planned

from servegen_fw import Suite
from servegen_fw.plugin import save_pool

POPULATIONS = 20
SESSIONS = 20_000
DURATION_S = 12 * 3600.0
TRIPS = ("generated", "fitted")

# A population is stationary, so that one table a client holds all its lengths and few windows cut its gaps.
_RATE_WINDOWS = 4


@attrs.frozen
class Outcome:
    """What one trip of one population brought back.

    Attributes
    ----------
        seed: of the population.
        parameters: given and found.
        families: what of, given, chosen.
    """

    seed: int
    parameters: tuple[Recovered, ...]
    families: tuple[tuple[str, str, str], ...]


def generated(given: Population, sessions: int, duration_s: float) -> Log:
    """Return the log of what a population's suite composes."""
    return log_of(
        planned(Suite.parse(given.suite(sessions, duration_s))).workload, f"population-{given.seed}"
    )


def generated_again(log: Log, given: Population, duration_s: float) -> Log:
    """Return the log of what a pool fitted from `log` composes."""
    pool = fit_log(
        log,
        window_s=duration_s / _RATE_WINDOWS,
        table_window_s=duration_s,
        min_requests=1,
        keep_ids=True,
        duration_s=duration_s,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitted.pool"
        save_pool(pool, path)
        group = f'source = {{kind = "pool", path = "{path}"}}'
        # The pool begins at the log's first request; another seed than the population's own.
        suite = Suite.parse(suite_of(group, given.seed + 1000, duration_s))
        return log_of(planned(suite).workload, f"population-{given.seed}-fitted")


def outcome(given: Population, log: Log, duration_s: float, *, fitted: bool) -> Outcome:
    """Characterise a log and compare it with the population."""
    found = characterized(log, duration_s)
    return Outcome(given.seed, tuple(recovered(given, found, fitted=fitted)), tuple(families(given, found)))


def trips(
    seeds: Iterable[int], sessions: int = SESSIONS, duration_s: float = DURATION_S
) -> dict[str, list[Outcome]]:
    """Both trips of the populations of these seeds."""
    found: dict[str, list[Outcome]] = {trip: [] for trip in TRIPS}
    for seed in seeds:
        given = population(seed)
        log = generated(given, sessions, duration_s)
        found["generated"].append(outcome(given, log, duration_s, fitted=False))
        again = generated_again(log, given, duration_s)
        found["fitted"].append(outcome(given, again, duration_s, fitted=True))
    return found


def by_parameter(outcomes: Sequence[Outcome]) -> dict[str, list[Recovered]]:
    """All comparisons of each parameter, in the order of their first coming."""
    found: dict[str, list[Recovered]] = {}
    for one in outcomes:
        for each in one.parameters:
            found.setdefault(each.name, []).append(each)
    return found


def drift(compared: Sequence[Recovered]) -> float:
    """Mean of the deviations in standard errors, in its own standard error: large where errors go one way."""
    return sum(one.sigmas for one in compared) / len(compared) ** 0.5


def right_families(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """Families found again, and populations, by what they are families of."""
    found: dict[str, tuple[int, int]] = {}
    for one in outcomes:
        for name, family, chosen in one.families:
            right, total = found.get(name, (0, 0))
            found[name] = (right + (chosen == family), total + 1)
    return found


def table(found: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Markdown of both trips, a line for each parameter."""
    lines = [
        "| parameter | trip | n | median error | largest error | rms, in s.e. | largest, in s.e. | drift | tolerance | outside |",
        "| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    parameters = {trip: by_parameter(outcomes) for trip, outcomes in found.items()}
    names = list(dict.fromkeys(name for compared in parameters.values() for name in compared))
    for name in sorted(names, key=_place):
        lines += [_line(name, trip, parameters[trip][name]) for trip in found if name in parameters[trip]]
    for name in right_families(found[TRIPS[0]]):
        for trip, outcomes in found.items():
            right, total = right_families(outcomes)[name]
            lines.append(f"| {name} | {trip} | {total} | – | – | – | – | – | as given | {total - right} |")
    return lines


def _place(name: str) -> tuple[int, str]:
    order = (
        "CV",
        "skew",
        "log-normal",
        "exponential",
        "body",
        "rank",
        "reasoning",
        "mean turns",
        "median",
        "images",
    )
    return next(k for k, start in enumerate(order) if name.startswith(start)), name


def _line(name: str, trip: str, compared: Sequence[Recovered]) -> str:
    size = sorted(abs(one.deviation) for one in compared)
    sigmas = [abs(one.sigmas) for one in compared]
    allowed = sorted(one.tolerance for one in compared)
    rms = math.sqrt(sum(x * x for x in sigmas) / len(sigmas))
    outside = sum(abs(one.deviation) > one.tolerance for one in compared)
    told = _percent if compared[0].scale == "log" else _plain
    cells = [
        told(size[len(size) // 2]),
        told(size[-1]),
        f"{rms:.2f}",
        f"{max(sigmas):.1f}",
        f"{drift(compared):+.1f}",
    ]
    return f"| {name} | {trip} | {len(compared)} | {' | '.join(cells)} | {told(allowed[len(allowed) // 2])} | {outside} |"


def _percent(size: float) -> str:
    return f"{100 * size:.2g} %"


def _plain(size: float) -> str:
    return f"{size:.2g}"


def tables(data: Data) -> dict[str, list[str]]:  # noqa: ARG001 - populations are drawn; every chapter is given the data
    """Return the tables by name."""
    return {"round-trip": table(trips(range(1, POPULATIONS + 1)))}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="first turns of a population")
    parser.add_argument("--populations", type=int, default=POPULATIONS, help="how many, seeds 1 to this")
    asked = parser.parse_args()
    print(f"tolerance: {SIGMAS:g} standard errors, and what quantile knots may move")
    print("\n".join(table(trips(range(1, asked.populations + 1), asked.sessions))))


if __name__ == "__main__":
    main()
