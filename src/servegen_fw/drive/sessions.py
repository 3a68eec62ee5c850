"""What each turn says: its own segment, and the history its session has gathered."""

from __future__ import annotations

from servegen_fw.data.payload import Payloads, Request, Segment
from servegen_fw.data.plan import Plan
from servegen_fw.errors import InputError, Problem


class Sessions:
    """Makes the requests of one plan; keeps the history of sessions that wait for their next turn, and of no others.

    Raises
    ------
        InputError: the plan carries no payloads, or not one for every row.
    """

    def __init__(self, plan: Plan) -> None:
        self._payloads = _checked(plan)
        self._workload = plan.workload
        self._child = plan.workload.child
        self._actual = plan.history == "actual"
        self._history: dict[int, list[tuple[Segment, Segment]]] = {}

    def request(self, row: int) -> Request:
        """Return the request of `row`, whose parent, if any, was told to `follow`."""
        workload = self._workload
        return Request(
            row=row,
            client=workload.client.item(row),
            session=workload.session.item(row),
            turn=workload.turn.item(row),
            form=self._payloads.form,
            history=self._history.pop(row, []),
            user=self._payloads.user[row],
            input_tokens=workload.input_tokens.item(row),
            # Servers refuse a request for no token at all.
            output_tokens=max(1, workload.output_tokens.item(row)),
            reason_tokens=workload.reason_tokens.item(row),
            prefix_tokens=workload.prefix_tokens.item(row),
            keep_text=self._actual and self._child.item(row) >= 0,
        )

    def follow(self, request: Request, child: int) -> None:
        """Carry the history on from a request that succeeded to the next turn, if that one has a context."""
        if self._workload.context_tokens.item(child) <= 0:
            return
        answer: Segment = request.answer_text if self._actual else self._payloads.answer[request.row]
        self._history[child] = [*request.history, (request.user, answer)]

    def __len__(self) -> int:
        return len(self._history)


def _checked(plan: Plan) -> Payloads:
    payloads = plan.payloads
    n = len(plan.workload)
    if payloads is None:
        raise InputError(
            Problem(
                "the plan carries no prompts, which a live server needs",
                who="workload.prompts",
                cure="name a maker of prompts, for example random-words",
            )
        )
    if not len(payloads.user) == len(payloads.answer) == n:
        raise InputError(
            Problem(
                f"{len(payloads.user)} prompts and {len(payloads.answer)} answers for {n} requests",
                who="workload.prompts",
            )
        )
    return payloads
