"""Declarations: what a plugin's hooks return. Cheap to make, frozen, and silent about how the product works."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import attrs

from servegen_fw.errors import BackendError, PluginError, Problem, ServegenError
from servegen_fw.hooks.setting import EntryKind

NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@attrs.frozen
class NoOptions:
    """Config of an entry without options."""


def _check_name(_entry: object, _attribute: object, name: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"entry name {name!r} must match {NAME_PATTERN.pattern}")


@attrs.frozen(kw_only=True)
class Entry:
    """One thing a plugin offers under a name.

    Attributes
    ----------
        name: how a suite writes it, ``^[a-z][a-z0-9]*(-[a-z0-9]+)*$``.
        make: called with one config object, returns the product; or ``"package.module:callable"``, imported only when used.
        config: attrs class of the options; see `setting`.
        summary: one line for ``servegen-fw plugins``.
        needs: distributions that `make` imports beyond the plugin's own dependencies, for the message that says what to install.
    """

    kind: ClassVar[EntryKind]

    name: str = attrs.field(validator=_check_name)
    make: Callable[[Any], Any] | str
    config: type = NoOptions
    summary: str = ""
    needs: tuple[str, ...] = ()

    def product(self, config: object) -> Any:
        """Import `make` if need be and build the product.

        Raises
        ------
            PluginError: `make` cannot be imported, and what to install; or it raised something of its own.
            ServegenError: what `make` raised on purpose.
        """
        make = resolve(self.make, self.name, self.needs)
        try:
            return make(config)
        except (ServegenError, BackendError):
            raise
        except Exception as error:
            what = f"{self.kind} {self.name!r} could not be made: {type(error).__name__}: {error}"
            raise PluginError(
                Problem(what, cure="correct its options, or report it to the plugin's author")
            ) from error


def resolve(make: Callable[..., Any] | str, who: str, needs: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Return the callable behind ``"package.module:callable"``; a callable is returned as it is."""
    if not isinstance(make, str):
        return make
    module_name, _, path = make.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        cure = (
            f"install what it needs: pip install {' '.join(needs)}"
            if needs
            else "the plugin is broken; report it to its author"
        )
        raise PluginError(Problem(f"cannot load {make!r}: {error}", who=who, cure=cure)) from error
    if not callable(found):
        raise PluginError(Problem(f"{make!r} is not callable", who=who))
    return found  # type: ignore[no-any-return]


@attrs.frozen(kw_only=True)
class ArrivalEntry(Entry):
    """An arrival process; `make` returns an `Arrivals`.

    `family`, if given, makes (or names, as ``"module:callable"``, called without arguments) the `GapFamily` by which
    client pools refer to this entry.
    """

    kind: ClassVar[EntryKind] = "arrival"
    family: Callable[[], Any] | str | None = None


@attrs.frozen(kw_only=True)
class ModulationEntry(Entry):
    """A rate modulation in physical time; `make` returns a `Modulation`."""

    kind: ClassVar[EntryKind] = "modulation"


@attrs.frozen(kw_only=True)
class LengthEntry(Entry):
    """A one-dimensional distribution; `make` returns a `Lengths`."""

    kind: ClassVar[EntryKind] = "length"


@attrs.frozen(kw_only=True)
class ModalityEntry(Entry):
    """Items of one modality in a request; `make` returns a `Modality`."""

    kind: ClassVar[EntryKind] = "modality"


@attrs.frozen(kw_only=True)
class ReasoningEntry(Entry):
    """How outputs split into reasoning and answer; `make` returns a `Reasoning`."""

    kind: ClassVar[EntryKind] = "reasoning"


@attrs.frozen(kw_only=True)
class ConversationEntry(Entry):
    """How many turns sessions have and how long users think; `make` returns a `Conversation`."""

    kind: ClassVar[EntryKind] = "conversation"


@attrs.frozen(kw_only=True)
class PromptEntry(Entry):
    """What prompts are made of; `make` returns a `Prompts`."""

    kind: ClassVar[EntryKind] = "prompt"


@attrs.frozen(kw_only=True)
class BackendEntry(Entry):
    """A kind of server; `make` returns a `Backend`, or a `VirtualBackend` if `virtual` says so.

    Attributes
    ----------
        virtual: the backend owns the event clock and replays whole plans.
        capabilities: what the wire can carry: forms of prompts ("text", "token-ids") and modalities of items ("image",
            "audio", "video"). A product may narrow it by an attribute of that name. A workload that needs more is
            refused before any load is sent. Virtual backends send nothing and need none.
    """

    kind: ClassVar[EntryKind] = "backend"
    virtual: bool = False
    capabilities: frozenset[str] = frozenset({"text"})


@attrs.frozen(kw_only=True)
class EngineEntry(Entry):
    """A load driver; `make` returns an `Engine`."""

    kind: ClassVar[EntryKind] = "engine"


@attrs.frozen(kw_only=True)
class ObserverEntry(Entry):
    """A sampler of power, counters or server metrics; `make` returns an `Observer`."""

    kind: ClassVar[EntryKind] = "observer"


@attrs.frozen(kw_only=True)
class MetricEntry(Entry):
    """A reading over a finished run; `make` returns a `Metric`.

    Attributes
    ----------
        label: for reports, for example "TTFT from due time".
        definition: one sentence: from which event to which, over which requests.
        unit: of what it computes, as its `Series` or `Scalar` states it; an objective's limit in another unit is then
            refused when the suite is read. None if it is known only afterwards.
        returns: whether it computes a value per request or event ("series", an objective names a statistic) or one
            value per run ("scalar"). None if unknown; objectives are then checked only when the run is judged.
    """

    kind: ClassVar[EntryKind] = "metric"
    label: str = ""
    definition: str = ""
    unit: str | None = None
    returns: Literal["series", "scalar"] | None = None


@attrs.frozen(kw_only=True)
class ReporterEntry(Entry):
    """A page or file made from a report; `make` returns a `Reporter`."""

    kind: ClassVar[EntryKind] = "reporter"


@attrs.frozen(kw_only=True)
class ReaderEntry(Entry):
    """A source of client pools or recorded workloads; `make` returns a `Reader`."""

    kind: ClassVar[EntryKind] = "reader"


@attrs.frozen(kw_only=True)
class CommandEntry(Entry):
    """A subcommand of ``servegen-fw``; `make`, called with the default config, returns a `click.Command`."""

    kind: ClassVar[EntryKind] = "command"


@attrs.frozen
class Choice:
    """A resolved ``{ kind = "name", ... }`` table: an entry and its config.

    Attributes
    ----------
        entry: what was chosen.
        config: an object of ``entry.config``.
        plugin: distribution that offers the entry.
    """

    entry: Entry
    config: Any
    plugin: str = ""

    def make(self) -> Any:
        """Build the product."""
        return self.entry.product(self.config)
