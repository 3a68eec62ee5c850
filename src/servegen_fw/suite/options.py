"""The options of a config class, with resolved types: what structuring, dumps, JSON Schema and docs walk over."""

from __future__ import annotations

import functools
import types
import typing
from typing import Any

import attrs

from servegen_fw.errors import PluginError, Problem
from servegen_fw.hooks.setting import METADATA_KEY, SettingInfo, info_of


@attrs.frozen
class Option:
    """One option.

    Attributes
    ----------
        name: of the attribute.
        argument: of ``__init__``.
        key: as suites write it.
        type: the annotation, resolved.
        info: unit, limits, doc.
        default: value if it is not given; `attrs.NOTHING` if it must be.
    """

    name: str
    argument: str
    key: str
    type: Any
    info: SettingInfo
    default: Any

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is attrs.NOTHING


@functools.cache
def options_of(cls: type) -> tuple[Option, ...]:
    """Return the options of an attrs class in the order of its definition.

    Attributes that ``__init__`` does not take, or whose metadata says that they are no option (``{METADATA_KEY: None}``),
    are left out.

    Raises
    ------
        PluginError: an annotation cannot be resolved at run time.
    """
    try:
        hints = typing.get_type_hints(cls)
    except (NameError, TypeError, AttributeError) as error:
        raise PluginError(
            Problem(
                f"the annotations of {cls.__qualname__} cannot be resolved: {error}",
                who=cls.__module__,
                cure="import the types of a config class at run time, not under TYPE_CHECKING",
            )
        ) from error
    found = []
    for attribute in attrs.fields(cls):
        if not attribute.init or attribute.metadata.get(METADATA_KEY, info_of) is None:
            continue
        info = info_of(attribute)
        default = attribute.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory() if not default.takes_self else None
        found.append(
            Option(
                name=attribute.name,
                argument=attribute.alias or attribute.name,
                key=info.key or attribute.name,
                type=hints.get(attribute.name, Any),
                info=info,
                default=default,
            )
        )
    return tuple(found)


def members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself as the only one."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return typing.get_args(hint)
    return (hint,)
