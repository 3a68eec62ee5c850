"""Small data folders written by the tests, and the shared real data where it is present."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from servegen_fw_pools.compile import compile_folder

from servegen_fw.plugin import ClientPool

WriteClient = Callable[..., None]


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
