"""The certificate as a whole: right workloads pass at the stated level, each planted defect fails where it should."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.certify.certificate import LEVEL, distances
from servegen_fw.data.certificate import Certificate
from servegen_fw.data.workload import Workload
from servegen_fw.results.certificate_page import certificate_page
from servegen_fw.results.codec import certificate_from_json, certificate_to_json
from servegen_fw.suite.model import Load


def failed(certificate: Certificate) -> set[str]:
    """Names of the checks that failed."""
    return {check.name for check in certificate.failed}


def again(workload: Workload, due_s: np.ndarray) -> Workload:
    """Return the workload of single requests at other times, in order."""
    order = np.argsort(due_s, kind="stable")
    moved = workload.select(order)
    return attrs.evolve(moved, due_s=np.rint(due_s[order] * 1e6) / 1e6)


# --- right workloads pass ---

SETTINGS: dict[str, dict[str, Any]] = {
    "recorded": {},
    "thinned": {"rate": 0.4},
    "rate": {"rate": 0.7, "scale": "rate"},
    "clients": {"rate": 1.5, "scale": "clients"},
    "process": {"rate": 0.5, "counts": "process"},
    "talking": {"rate": 0.9, "talking": True},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_right_workload_is_certified(scene: Any, made: Any, setting: str) -> None:
    """What composition makes passes, whatever its counts and scale; one seed each, false alarm 1 % each at most."""
    options = dict(SETTINGS[setting])
    source = made(talking=options.pop("talking", False))
    certificate = scene(seed=11, source=source, **options).certify()
    assert failed(certificate) == set()
    assert certificate.verdict == "certified"
    assert certificate.passed >= 12


@pytest.mark.slow
def test_a_right_workload_fails_as_rarely_as_stated(scene: Any) -> None:
    """Of 100 seeds of a thinned population no more than four fail: at the stated 1 % five do with probability 0.0034."""
    alarms = [seed for seed in range(100) if scene(seed=seed, rate=0.5, duration_s=600.0).certify().failed]
    assert LEVEL == 0.01
    assert len(alarms) <= 4, alarms


def test_p_values_of_a_right_workload_are_spread(scene: Any) -> None:
    """Over 25 seeds p-values below one half are about half of all, so tolerances are not idle; |z| < 6 under dependence."""
    p = [
        check.p
        for seed in range(25)
        for check in scene(seed=seed, rate=0.5, duration_s=600.0).certify().checks
        if check.status == "ok" and not math.isnan(check.p)
    ]
    share = np.mean(np.array(p) < 0.5)
    assert 0.35 < share < 0.65


def test_a_certificate_depends_on_its_arguments_only(scene: Any) -> None:
    """Certifying twice gives the same figures to the bit."""
    stage = scene(seed=3, rate=0.4)
    assert certificate_to_json(stage.certify()) == certificate_to_json(stage.certify())


# --- planted defects ---


def test_comonotone_fields_are_caught(scene: Any) -> None:
    """Outputs sorted as inputs within each client keep every distribution and fail the rank correlation alone."""
    stage = scene(seed=5)
    w, output = stage.workload, stage.workload.output_tokens.copy()
    for client in range(len(w.clients)):
        rows = np.flatnonzero(w.client == client)
        output[rows[np.argsort(w.input_tokens[rows], kind="stable")]] = np.sort(output[rows])
    assert failed(stage.certify(attrs.evolve(w, output_tokens=output))) == {"rank correlation"}


def test_restarted_windows_are_caught(scene: Any, made: Any) -> None:
    """All clients of 144 windows beginning at the same instant pile up in the first second."""
    count = np.tile(np.array([[20.0]] * 5), (1, 144))
    source = made(count=count, cv=np.ones((5, 144)), family=np.zeros((5, 144), np.int16))
    stage = scene(seed=5, source=source, duration_s=86400.0)
    w = stage.workload
    window = w.due_s // 600.0
    key = np.lexsort((w.due_s, w.client, window))
    first = np.append(True, (np.diff(window[key]) != 0) | (np.diff(w.client[key]) != 0))
    due_s = w.due_s.copy()
    begin = key[first]
    due_s[begin] = window[begin] * 600.0 + 0.001
    assert "first second of windows" in failed(stage.certify(again(w, due_s)))
    assert failed(stage.certify()) == set()


def test_counts_rounded_up_are_caught(scene: Any, made: Any) -> None:
    """Counts of 0.3 requests a window that are always raised to 1 more than triple the rate."""
    count = np.full((5, 144), 0.3)
    stage = scene(
        seed=5,
        source=made(count=count, cv=np.ones((5, 144)), family=np.zeros((5, 144), np.int16)),
        duration_s=86400.0,
    )
    whole = scene(
        seed=5,
        source=made(count=np.ceil(count), cv=np.ones((5, 144)), family=np.zeros((5, 144), np.int16)),
        duration_s=86400.0,
    )
    assert "total rate" in failed(stage.certify(whole.workload))
    assert failed(stage.certify()) == set()


def test_a_missing_client_is_caught(scene: Any) -> None:
    """A workload without its second client has neither its rate nor its shares."""
    stage = scene(seed=5, rate=0.6)
    w = stage.workload
    gone = stage.certify(w.select(np.flatnonzero(w.client != 1)))
    assert {"client rates, worst", "client shares"} <= failed(gone)
    worst = next(check for check in gone.failed if check.name == "client rates, worst")
    assert worst.detail.startswith("b: 0 where")


def test_a_strange_client_is_caught(scene: Any) -> None:
    """Requests of a client that the pool does not have are told."""
    stage = scene(seed=5, rate=0.6)
    clients = attrs.evolve(stage.workload.clients, names=("a", "x", "c", "d", "e"))
    assert "known clients" in failed(stage.certify(attrs.evolve(stage.workload, clients=clients)))


def test_a_halved_cv_is_caught(scene: Any, made: Any) -> None:
    """A workload of clients half as bursty keeps its counts and fails the CV."""
    stage = scene(seed=5)
    calm = scene(seed=5, source=made(cv=np.array(stage.suite.workload.groups[0].source.data.cv) / 2))
    assert {"IAT CV, pooled per client"} <= failed(stage.certify(calm.workload))


def test_shifted_lengths_are_caught(scene: Any, made: Any) -> None:
    """Prompts 5 % longer, of 8,000, fail the KS distance of prompts and of nothing else."""
    count = np.array([[2000.0, 2000.0]] + [[500.0, 500.0]] * 4)
    stage = scene(seed=5, source=made(count=count))
    w = stage.workload
    longer = attrs.evolve(w, input_tokens=np.rint(w.input_tokens * 1.05).astype(np.int32))
    found = stage.certify(longer).failed
    assert {check.subject for check in found if check.name == "KS distance"} == {"group-1: input_tokens"}


def test_lengths_of_the_wrong_clients_are_caught(scene: Any) -> None:
    """Prompts shuffled across clients have the right distribution overall, and are not the clients' own."""
    stage = scene(seed=5)
    w = stage.workload
    mixed = attrs.evolve(w, input_tokens=np.random.default_rng(1).permutation(w.input_tokens))
    found = {(check.name, check.subject) for check in stage.certify(mixed).failed}
    assert ("KS distance", "group-1: input_tokens") in found
    assert ("Wasserstein distance", "group-1: input_tokens") not in found


def test_shorter_sessions_are_caught(scene: Any, made: Any) -> None:
    """Sessions cut after two turns have too few turns."""
    stage = scene(seed=5, source=made(talking=True))
    w = stage.workload
    cut = stage.certify(w.select(np.flatnonzero((w.turn < 2) | (w.session < 0))))
    assert "turns per session" in failed(cut)


def test_other_think_times_are_caught(scene: Any, made: Any) -> None:
    """Think times a tenth shorter are not the pool's."""
    stage = scene(seed=5, source=made(talking=True))
    w = stage.workload
    assert "inter-turn time" in failed(stage.certify(attrs.evolve(w, think_s=np.round(w.think_s * 0.9, 3))))


def test_history_that_is_not_what_was_said_is_caught(scene: Any, made: Any) -> None:
    """A single prompt that repeats one token too many of its history fails, exactly."""
    stage = scene(seed=5, source=made(talking=True, carries_context=True))
    w = stage.workload
    row = int(np.flatnonzero(w.parent >= 0)[0])
    context, tokens = w.context_tokens.copy(), w.input_tokens.copy()
    context[row] += 1
    tokens[row] += 1
    wrong = stage.certify(attrs.evolve(w, context_tokens=context, input_tokens=tokens))
    assert "rows that repeat as they should" in failed(wrong)
    assert failed(stage.certify()) == set()


# --- what was sent ---


def test_a_perfect_sending_is_certified(scene: Any, send: Any) -> None:
    """Requests that leave when they are due give the workload's digest and three equal columns."""
    stage = scene(seed=5, rate=0.6)
    certificate = stage.certify(records=send(stage.workload), target="here")
    assert certificate.verdict == "certified"
    assert certificate.sent_digest == certificate.digest == stage.workload.digest
    assert (certificate.clients.sent == certificate.clients.generated).all()
    rate = next(check for check in certificate.checks if check.name == "total rate")
    assert rate.sent == rate.generated


def test_late_sending_is_caught(scene: Any, send: Any) -> None:
    """2 % of the requests 20 ms late fail the lag and nothing that was generated."""
    stage = scene(seed=5, rate=0.6)
    lag = np.where(np.arange(len(stage.workload)) % 50 == 0, 0.02, 0.0001)
    assert failed(stage.certify(records=send(stage.workload, lag))) == {"schedule lag p99"}


def test_smoothed_sending_is_caught(scene: Any, send: Any) -> None:
    """Requests held until the next whole ten seconds are not as bursty as they were due."""
    stage = scene(seed=5, rate=0.6)
    held = 10.0 - stage.workload.due_s % 10.0
    assert {"IAT CV of starts", "schedule lag p99"} <= failed(
        stage.certify(records=send(stage.workload, held))
    )


def test_dropped_rows_are_caught(scene: Any, send: Any) -> None:
    """Three requests that never left are counted, and the digest is another."""
    stage = scene(seed=5, rate=0.6)
    records = send(stage.workload)
    records.start_ns[[3, 9, 20]] = -1
    records.status[[3, 9, 20]] = 0
    certificate = stage.certify(records=records)
    assert "requests sent" in failed(certificate)
    assert certificate.sent_digest != certificate.digest
    check = next(check for check in certificate.failed if check.name == "requests sent")
    assert (check.target, check.sent) == (len(stage.workload), len(stage.workload) - 3)
    assert check.detail.startswith("3 requests were planned and never left")


def test_turns_skipped_after_a_failure_are_told_and_excused(scene: Any, made: Any, send: Any) -> None:
    """A later turn whose earlier one failed is the server's doing: counted, and no failed check."""
    stage = scene(seed=5, source=made(talking=True))
    w, records = stage.workload, send(stage.workload)
    lost = int(np.flatnonzero(w.child >= 0)[0])
    records.status[lost] = 2
    row = int(w.child[lost])
    skipped = 0
    while row >= 0:
        records.start_ns[row], records.status[row] = -1, 5
        row, skipped = int(w.child[row]), skipped + 1
    certificate = stage.certify(records=records)
    check = next(check for check in certificate.checks if check.name == "requests sent")
    assert (check.status, check.sent) == ("ok", len(w) - skipped)
    assert f"{skipped:,} later turns" in check.detail


def test_requests_due_at_other_times_are_caught(scene: Any, send: Any) -> None:
    """A schedule moved by a microsecond is not the workload's."""
    stage = scene(seed=5, rate=0.6)
    records = send(stage.workload)
    records.due_ns[7] += 1000
    assert failed(stage.certify(records=records)) == {"due as planned"}


# --- what cannot be certified ---


def test_a_given_workload_has_no_law(scene: Any, send: Any) -> None:
    """A file that the suite does not compose is held against itself only; the very workload of the suite is certified."""
    stage = scene(seed=5, rate=0.6)
    other = scene(seed=6, rate=0.6).workload
    unknown = stage.certify(other, records=send(other), given=True)
    assert (unknown.verdict, unknown.law, unknown.failed) == ("unknown", "", ())
    assert "law is not known" in unknown.notes[0]
    assert stage.certify(given=True).verdict == "certified"


def test_a_closed_load_says_what_it_cannot_tell(scene: Any) -> None:
    """Requests that leave when the server answers have lengths of a law and no arrivals of one."""
    stage = scene(seed=5, load=Load(kind="closed", concurrency=4, requests=300))
    certificate = stage.certify()
    assert certificate.verdict == "certified"
    assert {check.status for check in certificate.checks if check.name == "arrivals"} == {"n/a"}
    assert any(check.name == "KS distance" and check.status == "ok" for check in certificate.checks)


def test_a_recording_is_held_against_itself(scene: Any, send: Any) -> None:
    """Rows of a thinned recording are its own; a moved, a changed and a foreign row are each caught."""
    recording = scene(seed=8).workload
    stage = scene(seed=9, source=recording, rate=0.4)
    assert failed(stage.certify(records=send(stage.workload))) == set()
    w = stage.workload
    output, session = w.output_tokens.copy(), w.session.copy()
    output[5] += 1
    session[5] = 10**6
    assert failed(stage.certify(attrs.evolve(w, output_tokens=output))) == {"recorded lengths"}
    assert failed(stage.certify(attrs.evolve(w, session=session))) == {"rows of the recording"}
    assert "recorded times" in failed(stage.certify(attrs.evolve(w, due_s=w.due_s + 1e-4)))
    assert "sessions kept" in failed(stage.certify(w.select(np.arange(0, len(w), 2))))


# --- methods of comparison, forms ---


def test_distances_tell_methods_apart(scene: Any) -> None:
    """The clients' own method is nearer to the clients' law than naive, in burstiness and in lengths by client."""
    stage = scene(seed=5)
    naive = scene(seed=5, method="naive")
    args = (stage.case, stage.streams, stage.registry)
    own = distances(stage.suite, args[0], stage.workload, args[1], args[2])
    other = distances(stage.suite, args[0], naive.workload, args[1], args[2])
    assert own.cv_outside < 0.5 <= other.cv_outside
    assert np.all(np.isfinite(own.cv_error))
    assert own.value["client shares of group-1"] < other.value["client shares of group-1"]


def test_a_certificate_survives_json(scene: Any, send: Any) -> None:
    """Written as strict JSON and read back a certificate is the same, and its page too."""
    stage = scene(seed=5, rate=0.6)
    certificate = stage.certify(records=send(stage.workload), target="here")
    text = json.dumps(certificate_to_json(certificate), allow_nan=False)
    back = certificate_from_json(json.loads(text))
    assert certificate_page(back) == certificate_page(certificate)
    assert "certified: the workload is what its suite claims" in certificate_page(back)


@pytest.mark.parametrize("method", ["naive", "reference"])
def test_methods_of_comparison_are_not_certified(scene: Callable[..., Any], method: str) -> None:
    """Workloads made by other methods than clients are held against the clients' law and fail."""
    stage = scene(seed=5, method=method)
    certificate = stage.certify()
    assert certificate.verdict == "not certified"
    expected = {"naive": "known clients", "reference": "rank correlation"}[method]
    assert expected in failed(certificate)


def test_turns_that_wait_for_an_answer_are_not_late(scene: Any, made: Any, send: Any) -> None:
    """Sent at planned times, a turn whose earlier answer takes a minute leaves after it: the server's doing, no failed check."""
    stage = scene(seed=5, source=made(talking=True), load=Load(duration_s=1200.0, sessions="planned"))
    w, records = stage.workload, send(stage.workload)
    for row in np.flatnonzero(w.parent >= 0):
        waits = max(int(records.due_ns[row]), int(records.done_ns[w.parent[row]]) + 60_000_000_000)
        records.done_ns[w.parent[row]] = waits
        records.start_ns[row], records.done_ns[row] = waits, waits + 1_000_000
    assert (records.start_ns > records.due_ns).any()
    assert failed(stage.certify(records=records)) == set()


def test_a_request_that_crosses_a_bin_is_no_failure(scene: Any, send: Any) -> None:
    """A millisecond of lag moves some requests of a short case into the next second, which is within the tolerance."""
    for seed in range(5):
        stage = scene(seed=seed, rate=0.6, duration_s=60.0)
        assert failed(stage.certify(records=send(stage.workload, 0.001))) == set()
