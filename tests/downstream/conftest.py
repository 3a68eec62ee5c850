"""Third-party distributions, built and installed as their users would, apart from this environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
Cli = Callable[..., subprocess.CompletedProcess[str]]

RIVAL = """\
from servegen_fw.plugin import ArrivalEntry, hookimpl, renewal


def make(config):
    return renewal(lambda n, rng: rng.standard_exponential(n))


@hookimpl
def servegen_arrivals():
    return [ArrivalEntry(name="erlang", make=make, summary="another Erlang")]
"""

RIVAL_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "rival-arrivals"
version = "0.3"

[project.entry-points.servegen_fw]
rival = "rival_arrivals"

[tool.setuptools]
py-modules = ["rival_arrivals"]
"""


def install(sources: Sequence[Path], site: Path) -> Path:
    """Build and install distributions into a folder of their own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(site), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the distributions, since building leaves files in the source folder."""
    folder = tmp_path_factory.mktemp("sources")
    for project in HERE.glob("acme-*"):
        shutil.copytree(project, folder / project.name, ignore=shutil.ignore_patterns("__pycache__"))
    rival = folder / "rival-arrivals"
    rival.mkdir()
    (rival / "rival_arrivals.py").write_text(RIVAL)
    (rival / "pyproject.toml").write_text(RIVAL_PROJECT)
    return folder


@pytest.fixture(scope="session")
def site(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the two acme distributions are installed."""
    found = sorted(sources.glob("acme-*"))
    assert [project.name for project in found] == ["acme-servegen-arrivals", "acme-servegen-echo"]
    return install(found, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def rival_site(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a distribution that offers a name which acme offers too."""
    return install([sources / "rival-arrivals"], tmp_path_factory.mktemp("rival"))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run ``servegen-fw`` in an empty folder of a process that finds the distributions in the given folders."""

    def call(*arguments: str, sites: Sequence[Path]) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, sites))
        return subprocess.run(
            [sys.executable, "-m", "servegen_fw", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call
