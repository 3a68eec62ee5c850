"""One declaration per option, from which structuring, messages, JSON Schema and docs are all derived."""

from __future__ import annotations

from typing import Any, Literal

import attrs

METADATA_KEY = "servegen_fw"

EntryKind = Literal[
    "arrival",
    "modulation",
    "length",
    "modality",
    "reasoning",
    "conversation",
    "prompt",
    "backend",
    "engine",
    "observer",
    "metric",
    "reporter",
    "reader",
    "command",
]


@attrs.frozen
class SettingInfo:
    """What is known about an option beyond its type and default.

    Attributes
    ----------
        doc: one phrase for people.
        unit: SI unit of the stored number: "s", "1/s", "tokens", "bytes", "" for none. With a unit, a suite may also
            give a string such as "20s" or "4/s".
        ge: smallest allowed value.
        gt: strict lower limit.
        le: largest allowed value.
        lt: strict upper limit.
        kind: the option is a nested ``{ kind = "..." }`` table that chooses an entry of this kind.
        secret: the option names an environment variable that holds a secret; the value itself never enters a suite.
        pattern: regular expression that a string must match in full.
        key: how a suite writes the option, if not by the attribute's name (`duration_s` is written ``duration``).
        path: the option names a file or folder; a relative one in a suite is meant from the suite's own folder.
    """

    doc: str
    unit: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    kind: EntryKind | None = None
    secret: bool = False
    pattern: str | None = None
    key: str | None = None
    path: bool = False


def setting(
    default: Any = attrs.NOTHING,
    *,
    doc: str,
    unit: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    kind: EntryKind | None = None,
    secret: bool = False,
    pattern: str | None = None,
    key: str | None = None,
    path: bool = False,
    factory: Any = None,
) -> Any:
    """Declare one option of a config class (an attrs frozen class). Without a default it is required.

    Example::

        @attrs.frozen
        class Erlang:
            stages: int = setting(2, doc="exponential steps in one gap", ge=1)
    """
    info = SettingInfo(doc, unit, ge, gt, le, lt, kind, secret, pattern, key, path)
    if factory is not None:
        return attrs.field(factory=factory, kw_only=True, metadata={METADATA_KEY: info})
    return attrs.field(default=default, kw_only=True, metadata={METADATA_KEY: info})


def info_of(attribute: attrs.Attribute[Any]) -> SettingInfo:
    """Return what `setting` stored for an attribute; an attribute declared otherwise has no doc and no limits."""
    found = attribute.metadata.get(METADATA_KEY)
    return found if isinstance(found, SettingInfo) else SettingInfo("")
