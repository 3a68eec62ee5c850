"""What each turn says."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.drive.sessions import Sessions
from servegen_fw.errors import InputError


def test_a_request_carries_its_row(lab: Any) -> None:
    """All columns a backend needs are there."""
    sessions = Sessions(lab.plan([(0.0, []), (0.1, [1.0])]))
    request = sessions.request(1)
    assert (request.row, request.session, request.turn, request.input_tokens) == (1, 1, 0, 10)
    assert (request.user, request.history, request.output_tokens) == ("user 1 ", [], 4)
    assert not request.keep_text


def test_history_grows_turn_by_turn(lab: Any) -> None:
    """A turn carries all earlier turns of its session, oldest first, with the pre-rendered answers."""
    sessions = Sessions(lab.plan([(0.0, [1.0, 1.0])]))
    for row in range(2):
        sessions.follow(sessions.request(row), row + 1)
    request = sessions.request(2)
    assert request.history == [("user 0 ", "answer 0 "), ("user 1 ", "answer 1 ")]
    assert request.prompt() == "user 0 answer 0 user 1 answer 1 user 2 "


def test_actual_history_holds_the_servers_words(lab: Any) -> None:
    """With `history = "actual"` the text a backend kept is sent on, and it is asked to keep it only where a turn follows."""
    sessions = Sessions(lab.plan([(0.0, [1.0])], history="actual"))
    request = sessions.request(0)
    assert request.keep_text
    request.answer_text = "what it said"
    sessions.follow(request, 1)
    later = sessions.request(1)
    assert later.history == [("user 0 ", "what it said")]
    assert not later.keep_text


def test_a_turn_without_context_carries_none(lab: Any) -> None:
    """A session whose turns do not carry context on sends each turn alone."""
    plan = lab.plan([(0.0, [1.0])])
    plan = attrs.evolve(plan, workload=attrs.evolve(plan.workload, context_tokens=np.zeros(2, np.int32)))
    sessions = Sessions(plan)
    sessions.follow(sessions.request(0), 1)
    assert sessions.request(1).history == []


def test_histories_are_not_kept_once_used(lab: Any) -> None:
    """Only sessions that wait for their next turn hold memory."""
    sessions = Sessions(lab.plan([(0.0, [1.0]), (0.0, [1.0])]))
    sessions.follow(sessions.request(0), 1)
    assert len(sessions) == 1
    sessions.request(1)
    assert len(sessions) == 0


def test_sessions_do_not_share_a_history_list(lab: Any) -> None:
    """What a backend does to its request's history does not reach the next turn's twice."""
    sessions = Sessions(lab.plan([(0.0, [1.0, 1.0])]))
    first = sessions.request(0)
    sessions.follow(first, 1)
    first.history.append(("spoilt", "spoilt"))
    assert sessions.request(1).history == [("user 0 ", "answer 0 ")]


def test_at_least_one_token_is_asked_for(lab: Any) -> None:
    """Recorded outputs of zero tokens are raised to one, which servers accept."""
    plan = lab.plan([(0.0, [])])
    plan = attrs.evolve(plan, workload=attrs.evolve(plan.workload, output_tokens=np.zeros(1, np.int32)))
    assert Sessions(plan).request(0).output_tokens == 1


def test_a_plan_without_prompts_is_refused(lab: Any) -> None:
    """A live run needs payloads, one for every row; the message says what to write."""
    plan = lab.plan([(0.0, []), (0.0, [])])
    with pytest.raises(InputError, match="carries no prompts"):
        Sessions(attrs.evolve(plan, payloads=None))
    short = attrs.evolve(plan.payloads, user=["one"])
    with pytest.raises(InputError, match="1 prompts and 2 answers for 2 requests"):
        Sessions(attrs.evolve(plan, payloads=short))
