"""Checks of a suite beyond the types of single values: what excludes what, what needs what, which names exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from servegen_fw.errors import PluginError
from servegen_fw.hooks.entries import MetricEntry
from servegen_fw.suite.composing import check_composing
from servegen_fw.suite.issues import Issue, did_you_mean
from servegen_fw.suite.model import Group, Load, Objective, RateCurve, ReportSpec, Suite
from servegen_fw.suite.options import options_of
from servegen_fw.suite.overrides import element_names
from servegen_fw.suite.paths import KeyPath
from servegen_fw.suite.structure import Check
from servegen_fw.suite.units import parse_quantity

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
STAT: Final = re.compile(r"mean|min|max|p\d{1,2}(\.\d+)?")

Table = Mapping[str, Any]


def object_checks(registry: Registry, data: Table) -> Mapping[type, Check]:
    """Return the checks of single objects; `data` is the whole document, for the names it defines."""

    def objective(found: Objective, table: Table, path: KeyPath) -> Iterator[Issue]:
        yield from check_objective(found, table, path, registry, names_of(data))

    def report(found: ReportSpec, _table: Table, path: KeyPath) -> Iterator[Issue]:
        for number, name in enumerate(found.formats):
            yield from _unknown_entry(registry, "reporter", name, (*path, "formats", number))

    return {Group: check_group, Load: check_load, Objective: objective, ReportSpec: report}


def names_of(data: Table) -> Mapping[str, list[str]]:
    """Return the names that a document gives to its cases, groups and targets, whatever else is wrong with it."""
    workload = data.get("workload")
    groups = workload.get("group") if isinstance(workload, Mapping) else None
    cases, targets = data.get("case"), data.get("target")
    return {
        "case": element_names(cases, "case") if isinstance(cases, list) else [],
        "group": element_names(groups, "group") if isinstance(groups, list) else [],
        "target": list(targets) if isinstance(targets, Mapping) else [],
    }


def check_group(group: Group, table: Table, path: KeyPath) -> Iterator[Issue]:
    """A group is recorded or synthetic; options of the one have no meaning for the other."""
    yield from check_composing(group, path)
    if group.source is not None:
        for key in ("arrival", "clients", "skew"):
            if _differs(group, key):
                what = f"{key!r} describes synthetic clients, but this group's clients come from 'source'"
                yield Issue((*path, key), what, f"remove {key!r} or 'source'", "key")
        return
    if missing := [key for key in ("arrival", "input", "output") if key not in table]:
        what = f"missing {', '.join(map(repr, missing))}: a group without 'source' is synthetic"
        yield Issue(path, what, "give arrival, input and output, or a source of recorded clients")
    for key in ("from", "counts", "scale"):
        if _differs(group, key):
            what = f"{key!r} is about a recording, but this group has no 'source'"
            yield Issue((*path, key), what, f"remove {key!r} or add a source", "key")


def check_load(load: Load, table: Table, path: KeyPath) -> Iterator[Issue]:
    """An open load has a rate and a duration; a closed one has a concurrency and a number of requests."""
    foreign = ("concurrency", "requests") if load.kind == "open" else ("rate", "session_rate")
    other = "closed" if load.kind == "open" else "open"
    for key in foreign:
        if key in table:
            what = f"{key!r} belongs to a load of kind {other!r}, this one is {load.kind!r}"
            yield Issue((*path, key), what, f"remove {key!r}, or write kind = {other!r}", "key")
    needed = ("duration",) if load.kind == "open" else ("concurrency", "requests")
    for key in needed:
        if key not in table:
            yield Issue(path, f"missing {key!r}, which a load of kind {load.kind!r} needs")
    if load.rate is not None and load.session_rate is not None:
        cure = "give requests per second (rate) or sessions per second (session_rate)"
        yield Issue((*path, "session_rate"), "'rate' and 'session_rate' exclude each other", cure, "key")
    if load.rate is not None and load.duration_s is not None and not _rises(load.rate, load.duration_s):
        what = f"the rate is zero up to the end of the case ({load.duration_s:g} s)"
        yield Issue((*path, "rate"), what, "make the case longer, or the rate positive before its end")
    if load.duration_s is not None and load.warmup_s >= load.duration_s:
        what = f"the warm-up ({load.warmup_s:g} s) must be shorter than the duration ({load.duration_s:g} s)"
        yield Issue((*path, "warmup"), what, "requests due in the warm-up are not judged, so none would be")


def check_objective(
    objective: Objective, table: Table, path: KeyPath, registry: Registry, names: Mapping[str, list[str]]
) -> Iterator[Issue]:
    """An objective has one limit in a unit of its metric, and is about cases, targets and groups that exist."""
    given = [key for key in ("max", "min") if key in table]
    if len(given) != 1:
        what = "'max' and 'min' exclude each other" if given else "missing 'max' or 'min', the limit"
        yield Issue(path, what, "write two [[slo]] tables to give both" if given else "")
    if objective.stat and (not STAT.fullmatch(objective.stat) or objective.stat.strip("p0.") == ""):
        cure = 'write a percentile such as "p50", "p99" or "p99.9", or "mean", "min", "max"'
        yield Issue((*path, "stat"), f"unknown statistic {objective.stat!r}", cure)
    try:
        entry, _ = registry.find("metric", objective.metric)
    except PluginError as error:
        yield from (Issue((*path, "metric"), one.what, one.cure) for one in error.problems)
    else:
        yield from _statistic(entry, objective, path)
        for key in given:
            yield from _limit_unit(entry, table[key], (*path, key))
    for number, case in enumerate(objective.cases):
        yield from _unknown_name("case", case, names, (*path, "cases", number))
    for number, target in enumerate(objective.targets):
        yield from _unknown_name("target", target, names, (*path, "targets", number))
    if objective.where.group is not None:
        yield from _unknown_name("group", objective.where.group, names, (*path, "where", "group"))


def _statistic(entry: object, objective: Objective, path: KeyPath) -> Iterator[Issue]:
    """A metric with a value per request needs a statistic, one with a single value has none."""
    returns = getattr(entry, "returns", None)
    if returns == "series" and not objective.stat:
        what = f"missing 'stat': {objective.metric!r} has a value for every request"
        yield Issue((*path, "metric"), what, 'add stat = "p99", another percentile, "mean" or "max"')
    if returns == "scalar" and objective.stat:
        what = f"{objective.metric!r} has one value per run and no statistic"
        yield Issue((*path, "stat"), what, "leave 'stat' out")


def check_names(data: Table) -> Iterator[Issue]:
    """Names are unique and usable in file names and options."""
    names = names_of(data)
    for kind, root in (("case", ("case",)), ("group", ("workload", "group"))):
        for number, name in enumerate(names[kind]):
            first = names[kind].index(name)
            if name and first < number:
                what = f"the {kind} name {name!r} is taken by {'.'.join(root)}[{first}]"
                yield Issue((*root, number, "name"), what, f"give every {kind} a name of its own")
    for name in names["target"]:
        if not NAME.fullmatch(name):
            what = f"the target name {name!r} must begin with a letter or digit and hold only those, '.', '_' and '-'"
            yield Issue(("target", name), what, at="key")


def check_suite(suite: Suite) -> Iterator[Issue]:
    """A suite has something to send, somewhere to send it, and a rate to send it at."""
    if not suite.targets:
        yield Issue(("target",), "there is no target", "add [target.NAME] with a backend")
    if not suite.workload.groups:
        yield Issue(("workload", "group"), "the workload has no group", "add [[workload.group]]")
    if not suite.cases:
        yield Issue(("case",), "there is no case", "add [[case]] with a name and a load")
    synthetic = [group.name for group in suite.workload.groups if group.source is None]
    for number, case in enumerate(suite.cases):
        load = case.load
        if load.kind == "open" and load.rate is None and load.session_rate is None and synthetic:
            what = f"missing 'rate': the group {synthetic[0]!r} is synthetic and has no recorded rate"
            yield Issue(("case", number, "load"), what, "give the total, such as rate = '4/s'")


def check_required(names: Any, registry: Registry) -> Iterator[Issue]:
    """The distributions that the suite requires are installed and intact; `names` is the plain value of ``require``."""
    for number, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str):
            try:
                registry.require_intact([name])
            except PluginError as error:
                for one in error.problems:
                    yield Issue(("require", number), f"{one.who}: {one.what}", one.cure)


def _rises(curve: RateCurve, duration_s: float) -> bool:
    """Whether the rate is positive anywhere in a case: at a point before its end, or on the way to the next one."""
    for time, rate in zip(curve.times_s, curve.rates, strict=True):
        if rate > 0:
            return True
        if time >= duration_s:
            return False
    return False


def _differs(found: Any, key: str) -> bool:
    """Whether an option has another value than its default; a resolved suite writes all defaults."""
    option = next(option for option in options_of(found.__class__) if option.key == key)
    return bool(getattr(found, option.name) != option.default)


def _limit_unit(entry: Any, raw: Any, path: KeyPath) -> Iterator[Issue]:
    if isinstance(raw, str) and isinstance(entry, MetricEntry) and entry.unit is not None:
        try:
            parse_quantity(raw, entry.unit)
        except ValueError as error:
            yield Issue(path, f"the metric {entry.name!r}: {error}")


def _unknown_name(kind: str, name: str, names: Mapping[str, Iterable[str]], path: KeyPath) -> Iterator[Issue]:
    if name not in names[kind]:
        yield Issue(path, f"there is no {kind} {name!r}", did_you_mean(name, filter(None, names[kind])))


def _unknown_entry(registry: Registry, kind: str, name: str, path: KeyPath) -> Iterator[Issue]:
    try:
        registry.find(kind, name)
    except PluginError as error:
        yield from (Issue(path, one.what, one.cure) for one in error.problems)
