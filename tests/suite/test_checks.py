"""Checks beyond the types of single values, each at its key and with its cure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from servegen_fw.errors import Problem
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.checks import check_required, names_of
from servegen_fw.suite.model import Suite

Complaint = Callable[..., str]
Refused = Callable[..., tuple[Problem, ...]]


def where(problem: Problem) -> tuple[int, int]:
    """Return line and column."""
    assert problem.place is not None
    return problem.place.line, problem.place.column


@pytest.mark.parametrize(
    ("group", "what", "cure"),
    [
        (
            'source = { kind = "pool-file", name = "x" }\nclients = 3',
            "'clients' describes synthetic clients, but this group's clients come from 'source'",
            "remove 'clients' or 'source'",
        ),
        (
            'source = { kind = "pool-file", name = "x" }\narrival = "poisson"',
            "'arrival' describes synthetic clients, but this group's clients come from 'source'",
            "remove 'arrival' or 'source'",
        ),
        (
            'arrival = "poisson"',
            "missing 'input', 'output': a group without 'source' is synthetic",
            "give arrival, input and output, or a source of recorded clients",
        ),
        (
            'arrival = "poisson"\ninput = { kind = "uniform", high = 3 }\noutput = { kind = "uniform", high = 3 }\nscale = "rate"',
            "'scale' is about a recording, but this group has no 'source'",
            "remove 'scale' or add a source",
        ),
    ],
)
def test_group(good: str, complaint: Complaint, group: str, what: str, cure: str) -> None:
    """A group is recorded or synthetic, and the options of the one are refused in the other."""
    message = complaint(f"{good}\n[[workload.group]]\n{group}\n")
    assert f": {what}\n" in message
    assert message.endswith(cure)


@pytest.mark.parametrize(
    ("written", "path", "what"),
    [
        ('rate = "4/s"', "case[0].load", "missing 'duration', which a load of kind 'open' needs"),
        (
            'rate = "4/s", duration = "1min", requests = 3',
            "case[0].load.requests",
            "'requests' belongs to a load of kind 'closed', this one is 'open'",
        ),
        (
            'kind = "closed", requests = 3',
            "case[0].load",
            "missing 'concurrency', which a load of kind 'closed' needs",
        ),
        (
            'kind = "closed", requests = 3, concurrency = 1, rate = "4/s"',
            "case[0].load.rate",
            "'rate' belongs to a load of kind 'open', this one is 'closed'",
        ),
        (
            'rate = "4/s", session_rate = "4/s", duration = "1min"',
            "case[0].load.session_rate",
            "'rate' and 'session_rate' exclude each other",
        ),
        (
            'rate = "4/s", duration = "1min", warmup = "60s"',
            "case[0].load.warmup",
            "the warm-up (60 s) must be shorter than the duration (60 s)",
        ),
        (
            'rate = [["10min", 0], ["20min", "4/s"]], duration = "10min"',
            "case[0].load.rate",
            "the rate is zero up to the end of the case (600 s)",
        ),
        (
            'duration = "1min"',
            "case[0].load",
            "missing 'rate': the group 'group-1' is synthetic and has no recorded rate",
        ),
    ],
)
def test_load(good: str, complaint: Complaint, written: str, path: str, what: str) -> None:
    """An open load has a rate and a duration, a closed one a concurrency and a number of requests."""
    text = good.replace('rate = "4/s", duration = "10min"', written)
    assert f": {path}: {what}\n" in complaint(text)


@pytest.mark.parametrize(
    "written",
    [
        'kind = "closed", concurrency = 4, requests = 100',
        'kind = "closed", concurrency = 4, requests = 100, duration = "10min"',
        'session_rate = "2/s", duration = "10min"',
        'rate = [["1min", 0], ["20min", "4/s"]], duration = "10min"',
        'rate = [["10min", "1/s"], ["20min", "0/s"]], duration = "5min"',
        'rate = "2/s", duration = "10min", warmup = "1min"',
    ],
)
def test_sound_loads(good: str, load: Callable[..., Suite], written: str) -> None:
    """What belongs together is accepted."""
    text = good.replace('rate = "4/s", duration = "10min"', written)
    assert load(text).cases[0].name == "steady"


@pytest.mark.parametrize(
    ("slo", "path", "what"),
    [
        ('metric = "wait"', "slo[0]", "missing 'max' or 'min', the limit"),
        ('metric = "wait"\nmax = 1\nmin = 0', "slo[0]", "'max' and 'min' exclude each other"),
        ('metric = "wait"\nmax = 1\nstat = "p999"', "slo[0].stat", "unknown statistic 'p999'"),
        ('metric = "wait"\nmax = 1\nstat = "p0"', "slo[0].stat", "unknown statistic 'p0'"),
        ('metric = "wait"\nmax = 1\nstat = "median"', "slo[0].stat", "unknown statistic 'median'"),
        ('metric = "wayt"\nmax = 1', "slo[0].metric", "unknown metric 'wayt'"),
        (
            'metric = "wait"\nmax = "4/s"',
            "slo[0].max",
            "the metric 'wait': expected a time such as '20s', got '4/s', which is a rate",
        ),
        (
            'metric = "share"\nmin = "2s"',
            "slo[0].min",
            "the metric 'share': expected a number or a percentage such as '95 %', got '2s', which is a time",
        ),
        ('metric = "wait"\nmax = 1\ncases = ["stedy"]', "slo[0].cases[0]", "there is no case 'stedy'"),
        ('metric = "wait"\nmax = 1\ntargets = ["b"]', "slo[0].targets[0]", "there is no target 'b'"),
        (
            'metric = "wait"\nmax = 1\nwhere = { group = "group-2" }',
            "slo[0].where.group",
            "there is no group 'group-2'",
        ),
    ],
)
def test_objective(good: str, complaint: Complaint, slo: str, path: str, what: str) -> None:
    """An objective has one limit in its metric's unit and is about things that exist."""
    assert f": {path}: {what}\n" in complaint(f"{good}\n[[slo]]\n{slo}\n")


@pytest.mark.parametrize(
    ("slo", "limits"),
    [
        ('metric = "wait"\nmax = "500ms"\nstat = "p99.9"', (0.5, None)),
        ('metric = "share"\nmin = "95 %"', (None, 0.95)),
        ('metric = "anything"\nmax = "4/s"\nstat = "mean"', (4.0, None)),
        (
            'metric = "wait"\nmax = 2\nwhere = { group = "group-1", turn = 0 }\ncases = ["steady"]',
            (2.0, None),
        ),
    ],
)
def test_sound_objectives(
    good: str, load: Callable[..., Suite], slo: str, limits: tuple[float | None, float | None]
) -> None:
    """A limit is a number or a string in the metric's unit; a metric that states none takes any."""
    objective = load(f"{good}\n[[slo]]\n{slo}\n").slos[0]
    assert (objective.max, objective.min) == limits


def test_reporters_exist(good: str, complaint: Complaint) -> None:
    """A report format is the name of a reporter."""
    message = complaint(f'{good}\n[report]\nformats = ["page", "pge"]\n')
    assert "report.formats[1]: unknown reporter 'pge'" in message
    assert message.endswith("did you mean 'page'?")


def test_names_are_unique(good: str, refused: Refused) -> None:
    """Two cases or two groups of one name are refused at the second, given or not."""
    text = (
        f'{good}\n[[case]]\nname = "steady"\nload = {{ rate = 1, duration = 9 }}\n'
        '[[workload.group]]\nname = "group-1"\n'
        'source = { kind = "pool-file", name = "x" }\n'
    )
    first, second = refused(text)
    assert first.what == "the case name 'steady' is taken by case[0]"
    assert second.what == "the group name 'group-1' is taken by workload.group[0]"
    assert where(first) == (17, 8)
    assert where(second) == (20, 8)


def test_target_names(good: str, complaint: Complaint) -> None:
    """A target's name can stand in file names and options."""
    message = complaint(f'{good}\n[target."a/b"]\nbackend = {{ kind = "server", url = "http://h" }}\n')
    assert message.startswith("suite.toml:16:9: target.\"a/b\": the target name 'a/b' must begin with")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("target={}", "--set target={}: there is no target\n      add [target.NAME] with a backend"),
        ("case=[]", "--set case=[]: there is no case\n      add [[case]] with a name and a load"),
        (
            "workload.group=[]",
            "--set workload.group=[]: the workload has no group\n      add [[workload.group]]",
        ),
    ],
)
def test_nothing_to_do(good: str, complaint: Complaint, override: str, message: str) -> None:
    """A suite without targets, cases or groups is refused."""
    assert complaint(good, override) == message


def test_missing_tables(refused: Refused) -> None:
    """A suite with its head only is told all that it lacks."""
    problems = refused('servegen = 1\nname = "x"\n')
    assert [problem.what for problem in problems] == [
        "missing 'target': servers under test, by name",
        "missing 'workload': who sends what",
        "missing 'case': loads",
    ]


def test_required_distributions(registry: Registry) -> None:
    """A required distribution that is absent is named at its place in the list, with the command that installs it."""
    issues = list(check_required(["acme", "servegen-fw-nowhere", 3], registry))
    assert [(issue.path, issue.cure) for issue in issues] == [
        (("require", 1), "pip install servegen-fw-nowhere")
    ]
    assert list(check_required("acme", registry)) == []


def test_names_of_odd_documents() -> None:
    """Names are collected from whatever a document holds, however wrong."""
    assert names_of({}) == {"case": [], "group": [], "target": []}
    odd = {"case": [3, {"name": 4}, {"name": "x"}], "workload": 3, "target": [1]}
    assert names_of(odd) == {"case": ["", "", "x"], "group": [], "target": []}
