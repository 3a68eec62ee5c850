"""Options are checked before anything is sent."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import servegen_fw_vllm
from servegen_fw_vllm.backend import make
from servegen_fw_vllm.options import Vllm

from servegen_fw.plugin import InputError


def test_declares_one_backend() -> None:
    """The plugin offers the backend `vllm`, and its product can be made from defaults and a URL."""
    (entry,) = servegen_fw_vllm.servegen_backends()
    assert entry.name == "vllm"
    assert callable(entry.product(Vllm(url="http://127.0.0.1:1")).send)


def test_declaration_is_cheap() -> None:
    """Importing the declaration loads neither the HTTP parser nor the event loop nor numpy."""
    code = (
        "import sys, json, servegen_fw_vllm; servegen_fw_vllm.servegen_backends(); "
        "print(json.dumps([m for m in ('httptools', 'uvloop', 'asyncio', 'ssl', 'numpy') if m in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == []


@pytest.mark.parametrize("key", ["prompt", "messages", "stream", "model", "max_tokens"])
def test_extra_cannot_take_over(key: str) -> None:
    """`extra` cannot set what the workload or another option decides."""
    with pytest.raises(InputError, match=key):
        Vllm(url="http://h", extra={key: 1})


def test_extra_may_set_the_other_length_field() -> None:
    """With `length_field` changed, the usual name is free."""
    Vllm(url="http://h", length_field="max_completion_tokens", extra={"max_tokens": 1})


def test_count_needs_a_stream() -> None:
    """Counting tokens per chunk without a stream is refused."""
    with pytest.raises(InputError, match="stream"):
        Vllm(url="http://h", stream=False, count="usage")


def test_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API key variable that is not set is told by its name."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(InputError, match="NO_SUCH_KEY"):
        make(Vllm(url="http://h", api_key_env="NO_SUCH_KEY"))


def test_url_is_checked() -> None:
    """A URL with credentials is refused when the backend is made."""
    with pytest.raises(InputError, match="credentials"):
        make(Vllm(url="http://user:pw@h"))
