"""The gate of tokens."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.records import ERROR
from servegen_fw.judge.token_gate import tokens


def test_outputs_as_asked_for_are_ok(build):
    """Server, client and plan agree; the message says who counted."""
    gate = tokens(build(np.arange(10.0)))
    assert gate.status == "ok"
    assert "by the server for 100 %" in gate.message


def test_short_outputs_are_a_warning(build):
    """A server that stops early did less work than planned: how many outputs, and how much of the tokens."""
    made = np.where(np.arange(10) < 2, 5, 10)
    gate = tokens(build(np.arange(10.0), output_tokens=10, output_reported=made, output_counted=made))
    assert (gate.status, gate.code) == ("warn", "outputs-short")
    assert "20 % of the outputs are shorter" in gate.message
    assert "90 % of the tokens" in gate.message
    assert "ignore_eos" in gate.cure


def test_a_disagreement_between_server_and_client_is_a_warning(build):
    """Reported and counted tokens that differ are told."""
    counted = np.where(np.arange(10) < 3, 9, 10)
    gate = tokens(build(np.arange(10.0), output_counted=counted))
    assert (gate.status, gate.code) == ("warn", "tokens-mismatch")
    assert gate.value == 0.3


def test_chunks_taken_for_tokens_are_a_warning(build):
    """Without any count, chunks stand in for tokens, and the reader is told."""
    none = np.full(10, -1)
    gate = tokens(build(np.arange(10.0), output_reported=none, output_counted=none))
    assert (gate.status, gate.code) == ("warn", "tokens-guessed")


def test_only_requests_that_succeeded_are_looked_at(build):
    """A failed request's missing tokens are not short outputs; with no success the gate is unknown."""
    made = np.where(np.arange(10) < 2, 0, 10)
    status = np.where(np.arange(10) < 2, ERROR, 1)
    run = build(np.arange(10.0), output_reported=made, output_counted=made, status=status)
    assert tokens(run).status == "ok"
    assert tokens(build([0.0], status=[ERROR])).status == "unknown"


def test_an_output_of_no_tokens_is_sent_as_one(build):
    """A recorded output of 0 tokens is asked for as 1, so one token is not short and not long."""
    assert tokens(build([0.0], output_tokens=0, output_reported=[1], output_counted=[1])).status == "ok"
