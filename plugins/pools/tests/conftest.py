"""Small data folders written by the tests, and the shared real data where it is present."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.characterize.gap_families import draws
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.logs.read import read_log
from servegen_fw_pools.published.compile import compile_folder

from servegen_fw.cli.main import main
from servegen_fw.plugin import ClientPool

WriteClient = Callable[..., None]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def real(shared_data: Path) -> Callable[[str], Path]:
    """Path of a file or folder of the shared data; skips where it is absent."""

    def find(name: str) -> Path:
        path = shared_data / name
        if not path.exists():
            pytest.skip(f"no {name} in the shared data (set SERVEGEN_FW_DATA)")
        return path

    return find


@pytest.fixture(scope="session")
def mm_image(real: Callable[[str], Path]) -> ClientPool:
    """The published mm-image data, compiled once."""
    return compile_folder(real("servegen/multimodal/mm-image"), "mm-image")


@pytest.fixture(scope="session")
def deepseek(real: Callable[[str], Path]) -> ClientPool:
    """The published deepseek-r1 data, compiled once."""
    return compile_folder(real("servegen/reason/deepseek-r1"), "deepseek-r1")


@pytest.fixture
def write_client() -> WriteClient:
    """Write one client in the published layout: 600 s windows with the given counts, tables per 1,200 s."""

    def write(
        folder: Path,
        name: str,
        counts: Sequence[int],
        tables: Sequence[Mapping[str, Mapping[float, float]]] | None,
        family: str = "Gamma",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            f"{600 * i},{n / 600!r},1.5,{family},0.44,2.0\n" if n else f"{600 * i},0,0,,0,0\n"
            for i, n in enumerate(counts)
        ]
        (folder / f"chunk-{name}-trace.csv").write_text("".join(rows))
        if tables is not None:
            data = {
                str(1200 * i): {field: str(dict(masses)) for field, masses in fields.items()}
                for i, fields in enumerate(tables)
            }
            (folder / f"chunk-{name}-dataset.json").write_text(json.dumps(data, indent=2))

    return write


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``servegen-fw`` with arguments; exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return run


def _log(times: Sequence[float] | np.ndarray, client: np.ndarray | None = None, **more: object) -> Log:
    column = np.asarray(times, np.float64)
    n = len(column)
    order = np.argsort(column, kind="stable")
    column = column[order] - (column[order[0]] if n else 0.0)
    rng = np.random.default_rng(5)
    values: dict[str, object] = {
        "name": "made",
        "input_tokens": rng.geometric(0.01, n).astype(np.int32),
        "output_tokens": rng.geometric(0.02, n).astype(np.int32),
        "time_s": column,
    }
    if client is not None:
        values["client"] = client[order].astype(np.int32)
        values["clients"] = tuple(f"client-{k}" for k in range(int(client.max(initial=-1)) + 1))
    return Log(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def log_of() -> Callable[..., Log]:
    """Make a log of times in any order, moved to begin at 0, with lengths that vary; clients as whole numbers."""
    return _log


@pytest.fixture(scope="session")
def renewal() -> Callable[[str, float, float, float, int], np.ndarray]:
    """Make times of a renewal process: family, CV, rate, duration, seed."""

    def times(family: str, cv: float, rate: float, duration_s: float, seed: int) -> np.ndarray:
        many = int(rate * duration_s * 1.3) + 200
        rng = np.random.default_rng(seed)
        time_s = np.cumsum(draws(family, np.full(many, 1 / rate), np.full(many, cv), rng))
        return time_s[time_s < duration_s]

    return times


@pytest.fixture(scope="session")
def azure(shared_data: Path) -> Log:
    """The Azure trace of one hour; skips where it is absent."""
    path = shared_data / "azure" / "AzureLLMInferenceTrace_conv.csv"
    if not path.exists():
        pytest.skip(f"no {path.name} in the shared data")
    return read_log([path])
