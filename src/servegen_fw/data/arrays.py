"""Names for the numpy array types used in annotations, so that a signature states shape and dtype in one word."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

F8: TypeAlias = npt.NDArray[np.float64]
I8: TypeAlias = npt.NDArray[np.int64]
I4: TypeAlias = npt.NDArray[np.int32]
I2: TypeAlias = npt.NDArray[np.int16]
U1: TypeAlias = npt.NDArray[np.uint8]
Bool: TypeAlias = npt.NDArray[np.bool_]
AnyArray: TypeAlias = npt.NDArray[Any]

MISSING_NS = -1
"""Value of a time column that was never stamped."""
