"""Certify one case: its claims taken from the suite, its workload measured, what was sent read from the records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.certify import arrival_checks, field_checks, sent_checks
from servegen_fw.certify.arrivals import Replicas, replicas
from servegen_fw.certify.arrivals_seen import Arrivals
from servegen_fw.certify.fields import requests
from servegen_fw.certify.finding import Finding, missing, settle
from servegen_fw.certify.laws import Exactly
from servegen_fw.certify.model import GroupModel, models
from servegen_fw.certify.recording import Recording
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.sessions import Sessions
from servegen_fw.certify.shared_input import shared_input
from servegen_fw.data.arrays import F8
from servegen_fw.data.certificate import Certificate, ClientFigures
from servegen_fw.data.records import Records
from servegen_fw.data.workload import Workload
from servegen_fw.errors import ServegenError
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Case, Suite
from servegen_fw.workload.compose import compose
from servegen_fw.workload.planning import plan_of
from servegen_fw.workload.streams import Streams

LEVEL = 0.01
"""Probability that a right workload fails any check."""

UNSTATED = "the workload was given as a file and is not what the suite composes: its law is not known, only what was sent"

UNKNOWN = "the suite's law cannot be had"


@attrs.frozen(eq=False)
class Examination:
    """A workload and its law, with the simulations that all targets' certificates share.

    Attributes
    ----------
        case: of the suite.
        repeat: from 0.
        workload: what is sent.
        streams: those it was made with.
        groups: laws of its groups; empty if the law is not known.
        simulated: arrivals of each group; None where it has none to simulate.
        again: streams of the simulations.
        notes: what could not be certified.
        more: findings about the workload as a whole.
        effort: factor on the simulated arrivals and the rows looked at.
    """

    case: Case
    repeat: int
    workload: Workload
    streams: Streams
    groups: Sequence[GroupModel]
    simulated: Sequence[Replicas | None]
    again: Streams
    notes: tuple[str, ...] = ()
    more: tuple[Finding, ...] = ()
    effort: float = 1.0

    @classmethod
    def of(
        cls,
        suite: Suite,
        case: Case,
        workload: Workload,
        streams: Streams,
        registry: Registry,
        *,
        repeat: int = 0,
        given: bool = False,
        effort: float = 1.0,
    ) -> Examination:
        """Read the claims of a case and simulate them.

        Parameters
        ----------
            suite: whose workload it claims to be.
            case: one of its cases.
            workload: what is sent.
            streams: those it was made with; those of the simulations are derived from them.
            registry: plugins.
            repeat: from 0.
            given: whether the workload came as a file; its law is the suite's only if the suite composes the same.
            effort: factor on the simulated arrivals and the rows looked at; a large case is certified in part without.

        A source or plugin that is no longer there leaves the law unknown, with a note.
        """
        again = Streams(int(streams.at("certificate").integers(2**63)))
        if given and not _composes(suite, case, workload, streams, registry):
            return cls(case, repeat, workload, streams, (), (), again, (UNSTATED,))
        try:
            groups = models(suite.workload, case.load, workload, registry.families, again)
            simulated = [
                replicas(group, again, effort) if group.population is not None and group.demand.open else None
                for group in groups
            ]
        except ServegenError as error:
            why = "; ".join(str(problem) for problem in error.problems)
            return cls(case, repeat, workload, streams, (), (), again, (f"{UNKNOWN}: {why}",))
        return cls(case, repeat, workload, streams, groups, simulated, again, effort=effort)

    def recomposed(self, suite: Suite, registry: Registry, differs: str) -> Examination:
        """Return the examination of a stored workload with a check that the suite still composes it.

        `differs` says why it may not (another version of numpy or of a plugin), "" if nothing excuses a difference.
        """
        name, how = "workload composed again", "the suite composes the stored workload to the digest"
        same = _composes(suite, self.case, self.workload, self.streams, registry)
        one = Finding(
            name, "all", Exactly(1, 1), how, 1, float(same), n=len(self.workload), measure=float(not same)
        )
        if not same and differs:
            one = missing(name, "all", f"digests differ, as they may: {differs}")
        return attrs.evolve(self, more=(one,))

    def findings(self, records: Records | None = None) -> list[Finding]:
        """All figures with their laws."""
        seen = Seen(self.workload, records)
        found: list[Finding] = []
        for number, (group, simulated) in enumerate(zip(self.groups, self.simulated, strict=True)):
            found += self._group(group, simulated, seen, number)
        return [*found, *self.more, *sent_checks.findings(seen, plan_of(self.case.load, self.workload, None))]

    def _group(self, group: GroupModel, simulated: Replicas | None, seen: Seen, number: int) -> list[Finding]:
        if group.population is None:
            return Recording(group, seen, number).findings(self.again)
        found = []
        if simulated is None:
            found.append(missing("arrivals", group.name, "a closed load sends when the server answers"))
        else:
            found += arrival_checks.findings(Arrivals.of(group, simulated, seen, number))
        own = requests(group, seen, number)
        found += field_checks.findings(own, seen, self.again, self.streams, self.effort)
        if group.has_sessions:
            found += Sessions(group, seen, number).findings(self.again)
        return [*found, *shared_input(group, own.fields, seen, number)]

    def certificate(self, records: Records | None = None, target: str = "") -> Certificate:
        """The certificate of the workload, and of its sending to `target` if there are records.

        A plugin that breaks meanwhile leaves the law unknown, with a note, so that what was measured is still judged.
        """
        try:
            return self._certificate(records, target)
        except ServegenError as error:
            if not self.groups:
                raise
            why = "; ".join(str(problem) for problem in error.problems)
            bare = attrs.evolve(self, groups=(), simulated=(), notes=(*self.notes, f"{UNKNOWN}: {why}"))
            return bare.certificate(records, target)

    def _certificate(self, records: Records | None, target: str) -> Certificate:
        seen = Seen(self.workload, records)
        open_load = self.case.load.kind == "open"
        return Certificate(
            case=self.case.name,
            repeat=self.repeat,
            target=target,
            law=_law(self.groups),
            digest=self.workload.digest,
            sent_digest="" if records is None else sent_checks.sent_digest(seen, by_schedule=open_load),
            level=LEVEL,
            replicates=min((len(one) for one in self.simulated if one is not None), default=0),
            checks=settle(self.findings(records), LEVEL),
            clients=self._clients(seen),
            notes=self.notes,
        )

    def _clients(self, seen: Seen) -> ClientFigures:
        tables = [
            Arrivals.of(group, simulated, seen, number).clients()
            for number, (group, simulated) in enumerate(zip(self.groups, self.simulated, strict=True))
            if simulated is not None
        ]
        joined = {
            field.name: np.concatenate([getattr(table, field.name) for table in tables] or [np.empty(0)])
            for field in attrs.fields(ClientFigures)
            if field.name not in {"name", "group"}
        }
        for name in ("generated", "sent"):
            joined[name] = joined[name].astype(np.int64)
        return ClientFigures(
            name=tuple(name for table in tables for name in table.name),
            group=tuple(name for table in tables for name in table.group),
            **joined,
        )


def certify(
    suite: Suite,
    case: Case,
    workload: Workload,
    streams: Streams,
    registry: Registry,
    *,
    records: Records | None = None,
    repeat: int = 0,
    target: str = "",
    given: bool = False,
    effort: float = 1.0,
) -> Certificate:
    """Certify one case: see `Examination.of` for the parameters.

    The certificate depends on its arguments only: simulations take their streams from the workload's.
    """
    examination = Examination.of(
        suite, case, workload, streams, registry, repeat=repeat, given=given, effort=effort
    )
    return examination.certificate(records, target)


@attrs.frozen(eq=False)
class Distances:
    """How far a workload is from its law, in raw figures, for tables that compare methods.

    Attributes
    ----------
        value: by "check of subject": relative errors of rates and counts, differences of correlations and shares, natural
            logarithms of ratios of CVs, dispersions and worst clients to what is typical under the law, KS distances,
            Wasserstein distances over the mean.
        cv_error: float64[clients]; log of each client's CV over the law's median, for clients with enough arrivals; NaN
            where a client sent too little.
        cv_outside: share of these clients whose CV is outside the central 99 % of the law, or missing.
    """

    value: Mapping[str, float]
    cv_error: F8
    cv_outside: float


def distances(
    suite: Suite, case: Case, workload: Workload, streams: Streams, registry: Registry
) -> Distances:
    """Raw distances of a workload to the law of the suite's clients, whatever method made it."""
    examination = Examination.of(suite, case, workload, streams, registry)
    found = examination.findings()
    clients = examination.certificate().clients
    seen = ~np.isnan(clients.target_cv)
    own, target = clients.generated_cv[seen], clients.target_cv[seen]
    inside = (own >= clients.low_cv[seen]) & (own <= clients.high_cv[seen])
    return Distances(
        value={f"{one.name} of {one.subject}": one.measure for one in found if not math.isnan(one.measure)},
        cv_error=np.log(np.where(own > 0, own, np.nan) / target),
        cv_outside=float(1.0 - inside.mean()) if len(own) else 0.0,
    )


def _composes(suite: Suite, case: Case, workload: Workload, streams: Streams, registry: Registry) -> bool:
    """Whether the suite composes this very workload."""
    try:
        return compose(suite.workload, case.load, streams, registry.families).digest == workload.digest
    except ServegenError:
        return False


def _law(groups: Sequence[GroupModel]) -> str:
    """What the claims are taken from."""
    kinds = dict.fromkeys(
        "the recording"
        if group.population is None
        else "the suite's models"
        if group.pool is None
        else f"the pool {group.pool.name}"
        for group in groups
    )
    return " and ".join(kinds)
