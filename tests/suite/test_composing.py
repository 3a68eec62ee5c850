"""Checks of methods, dependence and prefixes, each at its key and with its cure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from servegen_fw.suite.composing import pearson, possible
from servegen_fw.suite.model import Dependence

Complaint = Callable[..., str]
SOURCE = 'source = { kind = "pool-file", name = "x" }'
SYNTHETIC = (
    'arrival = "poisson"\ninput = { kind = "uniform", high = 3 }\noutput = { kind = "uniform", high = 3 }'
)


@pytest.mark.parametrize(
    ("group", "what", "cure"),
    [
        (
            f'{SYNTHETIC}\nmethod = "naive"',
            "method = 'naive' is about a recording, but this group has no 'source'",
            "remove 'method' or add a source",
        ),
        (
            f'{SOURCE}\nmethod = "naive"\ncounts = "process"',
            "'counts' has no meaning here: method = 'naive' has one process of its own",
            "remove 'counts' or 'method'",
        ),
        (
            f'{SOURCE}\nmethod = "reference"\nscale = "rate"\ncounts = "process"',
            "'counts' has no meaning here: method = 'reference' has its own rule: windows filled with rounded counts",
            "remove 'counts' or 'method'",
        ),
        (
            f'{SOURCE}\nmethod = "naive"\nscale = "clients"',
            "scale = 'clients' needs clients, and method = 'naive' has none",
            "choose scale = 'thin' (keep a share of the requests) or scale = 'rate' (one process of that rate)",
        ),
        (
            f'{SOURCE}\nmethod = "reference"',
            "method = 'reference' comes to a rate by multiplying rates, not by scale = 'thin'",
            "write scale = 'rate'",
        ),
        (
            f'{SOURCE}\nmethod = "reference"\nscale = "clients"',
            "method = 'reference' comes to a rate by multiplying rates, not by scale = 'clients'",
            "write scale = 'rate'",
        ),
        (
            f'{SOURCE}\nmethod = "reference"\nscale = "rate"\ncorrelation = 0.2',
            "'correlation' has no meaning here: method = 'reference' draws all fields by one number",
            "remove 'correlation' or 'method'",
        ),
        (
            f'{SOURCE}\ndependence = [{{ between = ["input", "input"], rank = 0.2 }}]',
            "'input' is compared with itself",
            "name two different fields",
        ),
        (
            f'{SYNTHETIC}\ndependence = [{{ between = ["input", "ouput"], rank = 0.2 }}]',
            "there is no field 'ouput'",
            "did you mean 'output' or 'input'?",
        ),
        (
            f'{SYNTHETIC}\ndependence = [{{ between = ["input", "reason"], rank = 0.2 }}]',
            "there is no 'reason' in this group",
            "give `reasoning`, or a source that records it",
        ),
        (
            f'{SOURCE}\ndependence = [{{ between = ["input", "output_tokens"], rank = 0.2 }}]',
            "there is no field 'output_tokens'",
            "did you mean 'output'?",
        ),
        (
            f'{SOURCE}\ncorrelation = 0.1\ndependence = [{{ between = ["output", "input"], rank = 0.2 }}]',
            "the pair output, input is given by 'correlation' too",
            "give every pair once",
        ),
        (
            f'{SOURCE}\ncorrelation = 0.9\ndependence = [{{ between = ["input", "reason"], rank = 0.9 }}, {{ between = ["output", "reason"], rank = -0.9 }}]',
            "no fields can have these rank correlations at once: input and reason 0.9, output and reason -0.9, input and output 0.9",
            "two fields that follow a third must follow each other; weaken one, or give the missing pair",
        ),
        (
            f"{SOURCE}\nprefix_tokens = 5\nprefix_skew = 1.0",
            "'prefix_skew' says how often each of several prefixes is chosen",
            "give `prefixes`, their number",
        ),
        (
            f"{SYNTHETIC}\nprefixes = 5",
            "'prefixes' says nothing without 'prefix_tokens', the length of a prefix",
            'give prefix_tokens = "500 tokens"',
        ),
    ],
)
def test_what_cannot_be_is_refused(good: str, complaint: Complaint, group: str, what: str, cure: str) -> None:
    """Each contradiction is one message at its key, with what to do."""
    message = complaint(f"{good}\n[[workload.group]]\n{group}\n")
    assert f": {what}\n" in message
    assert message.endswith(cure)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_possible_agrees_with_eigenvalues(seed: int) -> None:
    """Random pairs of four fields are possible exactly if the copula's matrix has no negative eigenvalue."""
    rng = np.random.default_rng(seed)
    names = ("input", "output", "reason", "image_count")
    pairs, matrix = [], np.eye(4)
    for i in range(4):
        for j in range(i + 1, 4):
            if rng.random() < 0.8:
                rank = float(rng.uniform(-1, 1) * (0.5 if seed % 2 else 1.0))
                pairs.append(Dependence(between=(names[i], names[j]), rank=rank))
                matrix[i, j] = matrix[j, i] = pearson(rank)
    assert possible(pairs) == (np.linalg.eigvalsh(matrix)[0] >= -1e-9)


@pytest.mark.parametrize(("third", "is_possible"), [(1.0, True), (-1.0, False), (0.0, False)])
def test_the_ends_are_held_exactly(third: float, is_possible: bool) -> None:
    """Two fields that are each one with a third are one with each other and nothing else."""
    pairs = [
        Dependence(between=("input", "reason"), rank=1.0),
        Dependence(between=("output", "reason"), rank=1.0),
    ]
    assert possible(pairs, third) is is_possible
