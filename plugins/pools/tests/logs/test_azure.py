"""The Azure traces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from servegen_fw_pools.logs.readers import make_azure as make
from servegen_fw_pools.options import Azure

from servegen_fw.plugin import InputError

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def test_a_small_trace_is_read(tmp_path: Path) -> None:
    """Seven-digit fractions count from the first request; lengths are those written."""
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n")
    w = make(Azure(path=str(path))).read()
    assert w.due_s.tolist() == pytest.approx([0, 4.314579], abs=1e-9)
    assert w.input_tokens.tolist() == [374, 396]
    assert w.output_tokens.tolist() == [44, 109]
    assert w.clients.groups == ("a",)


def test_bad_rows_are_told_together(tmp_path: Path) -> None:
    """A bad time and a bad count of different rows are two problems with their places."""
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "today,374,44\n2023-11-16 18:15:50,39x,109\n")
    with pytest.raises(InputError) as caught:
        make(Azure(path=str(path))).read()
    assert [(p.place.line, p.place.column) for p in caught.value.problems if p.place] == [(2, 1), (3, 21)]


def test_another_csv_is_refused(tmp_path: Path) -> None:
    """Without the trace's columns the message says what is there instead."""
    path = tmp_path / "a.csv"
    path.write_text("time,in,out\n1,2,3\n")
    with pytest.raises(InputError, match="no column 'TIMESTAMP'"):
        make(Azure(path=str(path))).read()


def test_the_real_trace(real: Callable[[str], Path]) -> None:
    """One hour of a chat service: 19,366 requests, mean prompt 1,155 and answer 211 tokens, in file order."""
    w = make(Azure(path=str(real("azure/AzureLLMInferenceTrace_conv.csv")))).read()
    assert len(w) == 19_366
    assert 3400 < w.duration_s < 3700
    assert w.input_tokens.mean() == pytest.approx(1154.7, abs=0.1)
    assert w.output_tokens.mean() == pytest.approx(211.1, abs=0.1)
    assert w.due_s[0] == 0
    assert w.input_tokens[:2].tolist() == [374, 396]
