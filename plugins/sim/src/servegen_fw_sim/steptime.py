"""How long one engine step takes: the interface the scheduler asks, and its linear implementation."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import attrs


class Prefill(NamedTuple):
    """The prompts' part of a step: chunks of n new tokens each, after p tokens that are done.

    Attributes
    ----------
        tokens: sum of n, at least 1.
        pairs: sum of n * (p + n / 2), the (query, context) pairs of attention.
        context: sum of p, the tokens whose KV cache is read.
        chunks: their number.
    """

    tokens: int
    pairs: float
    context: int
    chunks: int


class StepTime(Protocol):
    """Time of one step. The scheduler relies on one property: a decode-only step is linear in the total context.

    A roofline, a table of measurements or a regression fits behind it; the scheduler needs no change.
    """

    def decode(self, decoders: int) -> tuple[float, float]:
        """(base_s, slope_s) of a step that only decodes: it takes base_s + slope_s * sum of contexts seconds.

        Calls with equal `decoders` must return equal values.
        """
        ...

    def mixed(self, prefill: Prefill, decoders: int, context: int) -> float:
        """Seconds of a step that prefills.

        Parameters
        ----------
            prefill: the prompts' part.
            decoders: sequences that decode one token.
            context: sum of their contexts in tokens, the new token included.
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


_REQUEST_S = 12e-6


class LinearStepTime:
    """Step times from six coefficients, with a rule for what they do not say: steps that prefill and decode.

    Let s be the part of ``decode_sequence`` that is work on a token, which a prompt's tokens cost too: all but 12 us of
    bookkeeping and sampling. Let g(T) be s * T plus the 4-norm of the weights' memory time ``decode - prefill`` and the
    compute time ``(prefill_token - s) * T``. A mixed step with t prompt tokens and D decoders takes::

        decode step of the D decoders + g(t + D) - g(D) + 2 * prefill_token2 * pairs + decode_context * (prefilled context)

    It is the decode step for t = 0; for D = 0 and large t it is the prefill formula; in between, reading the weights
    is paid once and the compute of prompt and decode tokens adds up, as in a roofline. `pairs` of a whole prompt is
    t**2 / 2, hence the factor 2. README.md says how far this is from the roofline.
    """

    def __init__(self, coefficients: Coefficients, scale: float = 1.0) -> None:
        c = coefficients
        self.coefficients = c
        self.scale = scale
        self._base = c.decode * scale
        self._sequence = c.decode_sequence * scale
        self._context = c.decode_context * scale
        self._weights4 = (max(0.0, c.decode - c.prefill) * scale) ** 4
        work = min(max(0.0, c.decode_sequence - _REQUEST_S), c.prefill_token)
        self._work = work * scale
        self._compute = (c.prefill_token - work) * scale
        self._pair = 2 * c.prefill_token2 * scale

    def decode(self, decoders: int) -> tuple[float, float]:
        """(base_s, slope_s); see `StepTime.decode`."""
        return self._base + self._sequence * decoders, self._context

    def mixed(self, prefill: Prefill, decoders: int, context: int) -> float:
        """Seconds of a step that prefills; see `StepTime.mixed`."""
        tokens = prefill.tokens
        products = (self._weights4 + (self._compute * (tokens + decoders)) ** 4) ** 0.25
        products -= (self._weights4 + (self._compute * decoders) ** 4) ** 0.25
        return float(
            self._base
            + self._sequence * decoders
            + self._work * tokens
            + products
            + self._pair * prefill.pairs
            + self._context * (context + prefill.context)
        )
