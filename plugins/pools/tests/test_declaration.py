"""What the distribution declares, and what importing the declaration costs."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import attrs
import click
import pytest
import servegen_fw_pools

from servegen_fw.plugin import ReaderEntry

ENTRIES = {entry.name: entry for entry in servegen_fw_pools.servegen_readers()}
COMMANDS = {entry.name: entry for entry in servegen_fw_pools.servegen_commands()}


def test_the_readers_are_declared() -> None:
    """Three readers of populations and seven of logs, each with a summary."""
    logs = {"azure", "bailian", "burstgpt", "csv", "jsonl", "mooncake", "parquet"}
    assert set(ENTRIES) == {"pool", "servegen-data", "profile", *logs}
    assert all(isinstance(entry, ReaderEntry) and entry.summary for entry in ENTRIES.values())


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_each_reader_can_be_made(name: str) -> None:
    """The maker of each entry is found and accepts its own options."""
    entry = ENTRIES[name]
    required = {field.name: "x" for field in attrs.fields(entry.config) if field.default is attrs.NOTHING}
    assert callable(entry.product(entry.config(**required)).read)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_can_be_made(name: str) -> None:
    """The maker of each command gives a click command of that name, whose first words are its summary's."""
    entry = COMMANDS[name]
    made = entry.product(entry.config())
    assert isinstance(made, click.Command)
    assert made.name == name
    assert made.short_help == entry.summary


def test_every_option_is_documented() -> None:
    """Each option has one phrase for people."""
    for entry in ENTRIES.values():
        for field in attrs.fields(entry.config):
            assert field.metadata["servegen_fw"].doc, (entry.name, field.name)


def test_declaring_imports_nothing_heavy() -> None:
    """Importing the declarations and calling the hook loads neither numpy nor pyarrow nor a reader."""
    code = (
        "import sys, servegen_fw_pools as p; p.servegen_readers();"
        "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'pyarrow', 'scipy')"
        " or m.startswith('servegen_fw_pools.') and m != 'servegen_fw_pools.options'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_entry_point_names_the_declaration_module() -> None:
    """The installed distribution offers one entry point in the project's group."""
    found = importlib.metadata.distribution("servegen-fw-pools").entry_points.select(group="servegen_fw")
    assert [point.value for point in found] == ["servegen_fw_pools"]
