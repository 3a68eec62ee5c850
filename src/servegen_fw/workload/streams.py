"""Named random streams: a label gives the same numbers whatever else is drawn, on every machine."""

from __future__ import annotations

import hashlib

import attrs
import numpy as np
import numpy.typing as npt
from numpy.random import SFC64, Generator
from numpy.random.bit_generator import ISeedSequence

from servegen_fw.data.arrays import AnyArray


@attrs.frozen
class Streams:
    """The root of all randomness of a run.

    A stream hangs on its label alone, not on the order in which streams are asked for: adding a client, a column or
    a plugin changes no other stream.

    The bit generator is SFC64: it passes the known batteries, needs only 64-bit adds, shifts and exclusive ors (the
    same bits on every platform; numpy guarantees them across versions), and is the quickest to make and to draw
    from of numpy's own, which counts where many short streams are opened. Its state is seeded with 192 bits of the
    label's sha256, so that two equal streams in one run are improbable beyond concern.

    Attributes
    ----------
        seed: any integer >= 0; 0 is a seed like any other.
    """

    seed: int = attrs.field(validator=attrs.validators.ge(0))

    def at(self, *label: str | int) -> Generator:
        """Return a fresh generator for the label, at its beginning."""
        sha = hashlib.sha256(f"servegen-streams-1|{self.seed}".encode())
        for part in label:
            # Length and type are hashed too, so that ("a", "bc") differs from ("ab", "c") and 1 from "1".
            if isinstance(part, str):
                data = part.encode()
                sha.update(b"|s%d|" % len(data))
                sha.update(data)
            else:
                sha.update(b"|i%d" % part)
        # numpy takes any ISeedSequence; its stubs know only one.
        return Generator(SFC64(_Digest(sha.digest())))  # type: ignore[arg-type]


class _Digest(ISeedSequence):
    """A seed sequence whose state is a sha256: as well mixed as numpy's own, and made in a tenth of the time."""

    __slots__ = ("digest",)

    def __init__(self, digest: bytes) -> None:
        self.digest = digest

    def generate_state(self, n_words: int, dtype: npt.DTypeLike = np.uint32) -> AnyArray:
        """Return the first words of the digest; SFC64 asks for three of 64 bits."""
        words = np.frombuffer(self.digest, np.dtype(dtype).newbyteorder("<"))
        if n_words > len(words):
            raise ValueError(f"a digest has {len(words)} words, {n_words} are asked for")
        return words[:n_words].astype(dtype)
