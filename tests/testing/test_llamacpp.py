"""The real engine for tests starts, answers, stops, and says what is missing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from servegen_fw.testing import llama_server, llamacpp

needs_engine = pytest.mark.skipif(bool(llamacpp.missing()), reason=llamacpp.missing() or "installed")


@pytest.mark.real
@needs_engine
def test_server_answers_and_stops() -> None:
    """Inside the context the server lists its model; afterwards nothing listens there."""
    with llama_server(slots=1, context_tokens=256) as url:
        with urllib.request.urlopen(url + "/v1/models", timeout=20) as response:  # noqa: S310
            models = json.loads(response.read())["data"]
        assert [card["id"] for card in models] == [llamacpp.MODEL]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url + "/v1/models", timeout=5)  # noqa: S310


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its packages the server says which are missing and how to install them."""
    monkeypatch.setattr(llamacpp, "PACKAGES", ("no_such_engine", "json"))
    with pytest.raises(RuntimeError, match=r"no_such_engine.*pip install"), llama_server():
        pytest.fail("it must not start")
    with pytest.raises(RuntimeError, match="no_such_engine"):
        llamacpp.serve(0, 1)


@pytest.mark.parametrize("arguments", [[], ["x", "1"], ["1"], ["1", "2", "3", "4", "5", "6"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments give the usage and status 2, without a traceback."""
    assert llamacpp.main(arguments) == 2
    assert "usage: python -m" in capsys.readouterr().err


@pytest.mark.real
@needs_engine
def test_start_that_fails_is_told() -> None:
    """A server whose port is taken is an error that says so much, and leaves no process."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        port = sock.getsockname()[1]
        with pytest.raises(RuntimeError, match="did not start"), llama_server(port=port):
            pytest.fail("it must not start")


@pytest.mark.real
@needs_engine
def test_runs_as_a_program() -> None:
    """`python -m servegen_fw.testing.llamacpp 0 1` prints its URL and ends on SIGTERM with status 0."""
    command = [sys.executable, "-m", "servegen_fw.testing.llamacpp", "0", "1", "256"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(line.startswith("http://127.0.0.1:") for line in process.stdout)
        finally:
            process.terminate()
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
