"""What is known about the formats whose columns have fixed names."""

from __future__ import annotations

from typing import Final

import attrs

from servegen_fw.plugin import InputError, Problem
from servegen_fw_pools.logs.columns import NEEDED, USUAL, Columns

_NONE: Final = Columns(**dict.fromkeys(USUAL, ""))


@attrs.frozen
class Spec:
    """A format of rows.

    Attributes
    ----------
        notation: "csv", "jsonl" or "parquet".
        columns: their names; None where they have to be found.
        unit: of the timestamps; "" where it has to be found.
        further: columns that only this format has, by role.
        block_tokens: tokens behind one id of the role "blocks".
    """

    notation: str
    columns: Columns = Columns()
    unit: str = ""
    further: tuple[tuple[str, str], ...] = ()
    block_tokens: int = 0


SPECS: Final = {
    "csv": Spec("csv"),
    "jsonl": Spec("jsonl"),
    "parquet": Spec("parquet"),
    "azure": Spec(
        "csv",
        attrs.evolve(_NONE, timestamp="TIMESTAMP", input="ContextTokens", output="GeneratedTokens"),
        "iso",
    ),
    "burstgpt": Spec(
        "csv",
        attrs.evolve(_NONE, timestamp="Timestamp", input="Request tokens", output="Response tokens"),
        "s",
    ),
    "mooncake": Spec(
        "jsonl",
        attrs.evolve(_NONE, timestamp="timestamp", input="input_length", output="output_length"),
        "ms",
        (("blocks", "hash_ids"),),
        512,
    ),
    "bailian": Spec(
        "jsonl",
        attrs.evolve(_NONE, timestamp="timestamp", input="input_length", output="output_length", turn="turn"),
        "s",
        (("chat", "chat_id"), ("parent", "parent_chat_id"), ("blocks", "hash_ids")),
        16,
    ),
}


def roles(spec: Spec, given: Columns, names: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Which column plays which role, and which of them were found by their usual names.

    What is given goes before what the format says; what neither says is looked for among `names`.

    Raises
    ------
        InputError: a column that every log needs is said not to be there.
    """
    found: dict[str, str] = {}
    guessed = []
    known = dict(spec.columns.given())
    for role, name in given.given():
        name = known[role] if name is None else name  # noqa: PLW2901
        if name is None:
            usual = next((one for one in USUAL[role] if one in names), "")
            name = usual or (USUAL[role][0] if role in NEEDED else "")  # noqa: PLW2901
            if usual:
                guessed.append(role)
        if name:
            found[role] = name
        elif role in NEEDED:
            what = f"a log needs a column for {role}"
            raise InputError(Problem(what, who="columns", cure=f"name it: {role}=COLUMN"))
    return found | dict(spec.further), guessed
