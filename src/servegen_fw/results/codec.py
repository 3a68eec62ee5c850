"""Reports as JSON and back. NaN is written as null, so that every JSON reader accepts the file."""

from __future__ import annotations

import functools
import math
from typing import Any

import cattrs
import numpy as np

from servegen_fw.data.certificate import Certificate
from servegen_fw.data.report import Report


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(
        float, lambda value: value if math.isfinite(value) else _spelled(value)
    )
    converter.register_structure_hook(float, lambda value, _: _number(value))
    converter.register_unstructure_hook_func(
        _is_array, lambda array: [_spelled(x) if isinstance(x, float) else x for x in array.tolist()]
    )
    converter.register_structure_hook_func(_is_array, _array)
    return converter


def _is_array(kind: Any) -> bool:
    return kind is np.ndarray or getattr(kind, "__origin__", None) is np.ndarray


def _array(values: Any, kind: Any) -> Any:
    dtype = kind.__args__[1].__args__[0]
    return np.array([_number(value) for value in values] if dtype is np.float64 else values, dtype)


def _spelled(value: float) -> float | str | None:
    """Return NaN as None and infinities as text, which strict JSON can hold."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def plain(value: Any) -> Any:
    """Return `value` made of dicts, lists, strings and finite numbers only; objects of other kinds as text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return _spelled(value)
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-able data."""
    return dict(plain(_converter().unstructure(report)))


def certificate_to_json(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as JSON-able data, its verdict included."""
    data = dict(plain(_converter().unstructure(certificate)))
    return {"verdict": certificate.verdict, **data}


def certificate_from_json(data: dict[str, Any]) -> Certificate:
    """Return the certificate of data made by `certificate_to_json`."""
    return _converter().structure(data, Certificate)


def report_from_json(data: dict[str, Any]) -> Report:
    """Return the report of data made by `report_to_json`."""
    return _converter().structure(data, Report)
