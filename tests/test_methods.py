"""The methods of comparison, and everything else that a group says of composing, through plan, generate and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from servegen_fw import InputError, Suite, plan, run
from servegen_fw.cli.main import main
from servegen_fw.results.store import read_workload

TEXT = """
servegen = 1
name = "compared"
seed = 5

[target.sim]
backend = {{ kind = "sim", profile = "llama-3-8b-h100" }}

[[workload.group]]
name   = "service"
source = {{ kind = "pool", name = "{pool}" }}
from   = "12h"
scale  = "rate"
{options}

[[case]]
name = "short"
load = {{ kind = "open", rate = "1/s", duration = "3min", warmup = "10s" }}
"""

DEPENDENCE = 'dependence = [{ between = ["output", "reason"], rank = 0.6 }, { between = ["input", "reason"], rank = -0.3 }]'
PREFIXES = "prefix_tokens = 128\nprefixes = 3\nprefix_skew = 1.0\nprefix_share = 0.8"


def written(tmp_path: Path, options: str, pool: str = "deepseek-r1") -> Path:
    """Return a suite with these options of its group."""
    path = tmp_path / "compared.toml"
    path.write_text(TEXT.format(pool=pool, options=options), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "pool"),
    [
        ('method = "naive"', "deepseek-r1"),
        ('method = "naive"', "mm-image"),
        ('method = "reference"', "deepseek-r1"),
        ('method = "reference"', "mm-image"),
        (f"{DEPENDENCE}\n{PREFIXES}", "deepseek-r1"),
    ],
)
def test_what_is_planned_is_written_and_sent(tmp_path: Path, options: str, pool: str) -> None:
    """The plan's digest is that of the written file and of the run, whatever the method; every request ends well."""
    suite = Suite.load(written(tmp_path, options, pool))
    (planned,) = plan(suite)
    assert 120 < len(planned.workload) < 260
    out = tmp_path / "w.parquet"
    with pytest.raises(SystemExit) as ended:
        main(["generate", str(tmp_path / "compared.toml"), "--out", str(out)])
    assert ended.value.code == 0
    assert read_workload(out).digest == planned.workload.digest
    result = run(suite, out=tmp_path / "result")
    (cell,) = result.report.cells
    assert cell.digest == planned.workload.digest


@pytest.mark.parametrize(
    ("options", "where", "what"),
    [
        (
            'method = "naive"\nsession = { kind = "geometric", turns = 2, think = { kind = "fixed", value = 5 } }',
            "workload.group[0].session",
            "'session' needs clients; requests of NAIVE are drawn one by one",
        ),
        (
            'dependence = [{ between = ["input", "image_count"], rank = 0.5 }]',
            'workload.group "service".dependence[0].between[1]',
            "there is no field 'image_count' that is drawn for each request",
        ),
        (
            "prefixes = 3",
            'workload.group "service".prefixes',
            "`prefixes` needs a length, and this source records no lengths of prefixes",
        ),
    ],
)
def test_what_cannot_be_is_told_at_its_line(tmp_path: Path, options: str, where: str, what: str) -> None:
    """A contradiction names file, line and column, whether it shows on loading or on composing."""
    with pytest.raises(InputError) as caught:
        list(plan(Suite.load(written(tmp_path, options))))
    (problem,) = caught.value.problems
    assert (problem.who, problem.what) == (where, what)
    assert problem.place is not None
    # The options begin at the file's 14th line.
    assert problem.place.line == 14 + options.count("\n")
