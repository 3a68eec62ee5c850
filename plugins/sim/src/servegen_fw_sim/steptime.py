"""How long one engine step takes: the interface the scheduler asks, and its linear implementation."""

from __future__ import annotations

from typing import Protocol

import attrs


class StepTime(Protocol):
    """Time of one step. The scheduler relies on one property: a decode-only step is linear in the total context.

    A roofline, a table of measurements or a regression fits behind it; the scheduler needs no change.
    """

    def decode(self, decoders: int) -> tuple[float, float]:
        """(base_s, slope_s) of a step that only decodes: it takes base_s + slope_s * sum of contexts seconds.

        Calls with equal `decoders` must return equal values.
        """
        ...

    def mixed(
        self,
        prefill_tokens: int,
        prefill_pairs: float,
        prefill_context: int,
        decoders: int,
        context: int,
        requests: int,
    ) -> float:
        """Seconds of a step that prefills.

        Parameters
        ----------
            prefill_tokens: prompt tokens computed in this step, at least 1.
            prefill_pairs: sum over chunks of n * (p + n / 2): (query, context) pairs of n new tokens after p done ones.
            prefill_context: sum over chunks of p, the tokens whose KV cache is read.
            decoders: sequences that decode one token.
            context: sum of their contexts in tokens, the new token included.
            requests: sequences in the step, decoding or prefilling.
        """
        ...


@attrs.frozen(kw_only=True)
class Coefficients:
    """A linear step-time model, seconds.

    A decode step of B sequences takes ``decode + decode_sequence * B + decode_context * (sum of contexts)``; a whole
    prompt of t >= 512 tokens takes ``prefill + prefill_token * t + prefill_token2 * t**2``.
    """

    decode: float
    decode_sequence: float
    decode_context: float
    prefill: float
    prefill_token: float
    prefill_token2: float


class LinearStepTime:
    """Step times from six coefficients, with a rule for what they do not say: steps that prefill and decode.

    Let g(T) be the 4-norm of the weights' memory time ``decode - prefill`` and the compute time ``prefill_token * T``.
    A mixed step with t prompt tokens and D decoders takes::

        decode step of the D decoders + (g(t + D) - g(D)) + 2 * prefill_token2 * pairs + decode_context * prefill_context

    It is the decode step for t = 0; for D = 0 and large t it is the prefill formula; in between, reading the weights
    is paid once and the compute of prompt and decode tokens adds up, as in a roofline. `pairs` of a whole prompt is
    t**2 / 2, hence the factor 2. See README.md for how far this is from the roofline it was derived from.
    """

    def __init__(self, coefficients: Coefficients, scale: float = 1.0) -> None:
        c = coefficients
        self.coefficients = c
        self.scale = scale
        self._base = c.decode * scale
        self._sequence = c.decode_sequence * scale
        self._context = c.decode_context * scale
        self._weights = max(0.0, c.decode - c.prefill) * scale
        self._token = c.prefill_token * scale
        self._pair = 2 * c.prefill_token2 * scale

    def decode(self, decoders: int) -> tuple[float, float]:
        """(base_s, slope_s); see `StepTime.decode`."""
        return self._base + self._sequence * decoders, self._context

    def mixed(
        self,
        prefill_tokens: int,
        prefill_pairs: float,
        prefill_context: int,
        decoders: int,
        context: int,
        requests: int,  # noqa: ARG002  (the linear form has no separate cost of the output head)
    ) -> float:
        """Seconds of a step that prefills; see `StepTime.mixed`."""
        weights4 = self._weights**4
        products = (weights4 + (self._token * (prefill_tokens + decoders)) ** 4) ** 0.25
        products -= (weights4 + (self._token * decoders) ** 4) ** 0.25
        return float(
            self._base
            + self._sequence * decoders
            + products
            + self._pair * prefill_pairs
            + self._context * (context + prefill_context)
        )
