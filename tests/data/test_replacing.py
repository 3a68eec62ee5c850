"""A file is the old one or the new one, never a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from servegen_fw.data.replacing import replacing


def test_the_new_file_takes_the_place_at_the_end(tmp_path: Path) -> None:
    """Until the end the old content stands, then the new one, and nothing else is left in the folder."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """Whatever breaks the writing, an interrupt too, the old content stands and the part is gone."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_may_write_one_file_at_once(tmp_path: Path) -> None:
    """Each writes beside the other; the last to end wins, whole."""
    path = tmp_path / "a.txt"
    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """The caller hears what the system says."""
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "none" / "a.txt") as temporary:
        temporary.write_text("x")
