"""Certificates of odd suites: next to no requests, constants, extremes, several groups; never an exception, NaN or infinity in JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw import Registry, Suite, plan
from servegen_fw.certify.certificate import certify
from servegen_fw.flow import certify_suite
from servegen_fw.results.certificate_page import certificate_page
from servegen_fw.results.codec import certificate_to_json

HEAD = """
servegen = 1
name = "odd"
seed = 3
[target.one]
backend = { kind = "sim", profile = "llama-3-8b-h100" }
"""

LENGTHS = (
    'input = { kind = "lognormal", median = 50, sigma = 1 }\noutput = { kind = "exponential", mean = 20 }\n'
)

GROUPS = {
    "fixed": 'arrival = "poisson"\ninput = { kind = "fixed", value = 300 }\noutput = { kind = "fixed", value = 20 }\n',
    "constant": 'arrival = "constant"\nclients = 3\ninput = { kind = "uniform", low = 1, high = 3 }\n'
    'output = { kind = "exponential", mean = 0.5 }\n',
    "prefixes": 'arrival = "poisson"\nclients = 3\nprefix_tokens = 40\nprefixes = 2\nprefix_share = 0.5\n'
    + LENGTHS
    + 'session = { kind = "geometric", turns = 3, think = { kind = "fixed", value = 2 } }\n',
    "cut": 'arrival = "poisson"\nclients = 3\nmax_input = 300\nmax_output = 30\n'
    + LENGTHS
    + 'session = { kind = "geometric", turns = 5, think = { kind = "exponential", mean = 5 } }\n',
    "bursts": 'arrival = "poisson"\nclients = 5\nskew = 1.5\nmodulation = { kind = "on-off", on = 5, off = 20 }\n'
    "correlation = 1.0\n" + LENGTHS,
    "reasoning": 'arrival = { kind = "gamma", cv = 4 }\ncorrelation = -0.5\n'
    + LENGTHS
    + 'reasoning = { kind = "bimodal", low = 0.35, high = 0.92, weight = 0.4 }\n',
    "reasons": 'source = { kind = "pool", name = "deepseek-r1" }\nfrom = "3h"\n',
    "images": 'source = { kind = "pool", name = "mm-image" }\nfrom = "3h"\nprefix_tokens = 10\n',
    "sped up": 'source = { kind = "pool", name = "m-small" }\nfrom = "3h"\nscale = "rate"\n',
}

LOADS = (
    'kind = "open", rate = "0.02/s", duration = "5s"',
    'kind = "open", rate = "3/s", duration = "0.8s"',
    'kind = "open", rate = [["0s", "0.5/s"], ["20s", "4/s"], ["60s", "1/s"]], duration = "80s"',
    'kind = "closed", concurrency = 2, requests = 1',
    'kind = "closed", concurrency = 2, requests = 50',
)


def certificates(groups: list[str], load: str, registry: Registry) -> list[Any]:
    """Certify what a suite of these groups composes."""
    text = HEAD + "".join(f"[[workload.group]]\n{group}" for group in groups)
    text += f'[[case]]\nname = "case"\nload = {{ {load} }}\n'
    return list(certify_suite(Suite.parse(text, registry=registry), registry=registry))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("name", GROUPS)
def test_odd_suites_are_certified(name: str, load: str, registry: Registry) -> None:
    """Each passes with one fixed seed, in strict JSON and as a page; every check n/a has its reason."""
    for made in certificates([GROUPS[name]], load, registry):
        assert made.failed == ()
        text = json.dumps(certificate_to_json(made), allow_nan=False)
        assert '"inf"' not in text
        assert "nan" not in certificate_page(made)
        for check in made.checks:
            assert check.status == "ok" or check.detail
            assert not math.isinf(check.p)


def test_groups_are_certified_each_by_itself(registry: Registry) -> None:
    """Two groups from one pool, whose clients have one set of names, have checks and clients of their own."""
    groups = [f'name = "{name}"\n' + GROUPS["reasons"] for name in ("one", "two")]
    (made,) = certificates(groups, 'kind = "open", rate = "2/s", duration = "5min"', registry)
    assert made.failed == ()
    assert {check.subject for check in made.checks if check.name == "total rate"} == {"one", "two"}
    assert set(made.clients.group) == {"one", "two"}
    assert made.clients.generated.sum() > 300


def test_items_are_held_against_their_law(registry: Registry) -> None:
    """Tokens of images: KS and Wasserstein pass as composed (one fixed seed), and fail when images are half as large again."""
    text = HEAD + f"[[workload.group]]\n{GROUPS['images']}"
    text += '[[case]]\nname = "case"\nload = { kind = "open", rate = "3/s", duration = "600s" }\n'
    suite = Suite.parse(text, registry=registry)
    (made,) = plan(suite, registry=registry)
    items = made.workload.items
    larger = attrs.evolve(
        made.workload, items=attrs.evolve(items, tokens=(items.tokens * 1.5).astype(np.int32))
    )
    for workload, status in ((made.workload, "ok"), (larger, "failed")):
        found = certify(suite, made.case, workload, made.streams, registry)
        of_images = {
            check.name: check.status for check in found.checks if check.subject.endswith(": image_tokens")
        }
        assert of_images == {"KS distance": status, "Wasserstein distance": status}
