"""What goes wrong on a connection, under the stable codes that records keep."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from http import HTTPStatus
from typing import Any

from servegen_fw.errors import BackendError

_DETAIL_LIMIT = 300


def connect_failure(error: Exception, where: str, limit_s: float) -> BackendError:
    """Return the error for a connection to `where` ("host:port") that could not be opened."""
    code, detail = _connect_failure(error, where, limit_s)
    return BackendError(code, detail)


def _connect_failure(error: Exception, where: str, limit_s: float) -> tuple[str, str]:
    code, detail = "connect", f"{where}: {error}"
    match error:
        case TimeoutError():
            code, detail = "connect-timeout", f"no connection to {where} within {limit_s:g} s"
        case socket.gaierror():
            code, detail = "dns", f"the host name of {where} does not resolve: {error.strerror or error}"
        case ssl.SSLCertVerificationError():
            code, detail = "tls", f"{where}: certificate refused: {error.verify_message or error}"
        case ssl.SSLError():
            code, detail = "tls", f"{where}: {getattr(error, 'reason', None) or error}"
        case ConnectionRefusedError():
            code, detail = "refused", f"nothing listens on {where}"
        case ConnectionError():
            code, detail = "reset", f"{where} broke the connection off while it was opened"
        case OSError() if error.errno in {errno.EMFILE, errno.ENFILE}:
            code, detail = "no-sockets", "no more sockets: raise the limit of open files (ulimit -n)"
        case OSError() if error.errno == errno.EADDRNOTAVAIL:
            code, detail = "no-sockets", f"no local port is free for another connection to {where}"
    return code, detail


def loss(error: Exception | None, received: int, within: str) -> BackendError:
    """Return the error for a connection that ended before the response did.

    Parameters
    ----------
        error: what the transport reports; None for an orderly end.
        received: bytes of the response that had come.
        within: what the end cut short: "head" or "body".
    """
    if error is not None:
        what = "reset by the server" if isinstance(error, ConnectionError) else str(error)
        return BackendError("reset", f"connection {what} after {received} bytes of the response")
    if received == 0:
        return BackendError("closed", "the server closed the connection without a response")
    return BackendError("truncated", f"the server closed the connection inside the response's {within}")


def status_failure(status: int, location: str, body: bytes) -> BackendError:
    """Return the error for a response whose status is not 2xx, with the server's own words."""
    phrase = HTTPStatus(status).phrase if status in _STATUSES else "unknown status"
    if 300 <= status < 400:
        return BackendError(f"http-{status}", f"redirect to {location or 'nowhere'}; set the final URL")
    return BackendError(f"http-{status}", error_text(body) or phrase)


_STATUSES = frozenset(int(status) for status in HTTPStatus)


def error_text(body: bytes) -> str:
    """Return what an error body says, in one line: the message inside the usual JSON shapes, or the text itself."""
    # Triton sends its errors as an event, also under an error status.
    body = body.removeprefix(b"data:")
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        found = body.decode("utf-8", "replace")
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    text = found if isinstance(found, str) else json.dumps(found)
    text = " ".join(text.split())
    return text if len(text) <= _DETAIL_LIMIT else text[: _DETAIL_LIMIT - 1] + "…"
