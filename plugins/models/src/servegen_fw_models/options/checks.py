"""What no single limit can say about options."""

from __future__ import annotations


def check_weights(values: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """Raise ValueError unless there are values, and as many weights (or none) that do not all vanish."""
    if not values:
        raise ValueError("values is empty")
    if weights and len(weights) != len(values):
        raise ValueError(f"{len(values)} values but {len(weights)} weights")
    if weights and not sum(weights) > 0:
        raise ValueError("the weights are all zero")


def check_given(values: tuple[float, ...], weights: tuple[float, ...], path: str) -> None:
    """Raise ValueError unless either values, perhaps with weights, or a file is given."""
    if bool(values) == bool(path):
        raise ValueError("give either values or path")
    if values:
        check_weights(values, weights)
    elif weights:
        raise ValueError("weights stand in the file if path is given")


def check_modes(low: float, high: float) -> None:
    """Raise ValueError if the lower mode lies above the upper one."""
    if high < low:
        raise ValueError(f"high = {high:g} lies below low = {low:g}")
