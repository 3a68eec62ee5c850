"""Failures carry stable codes and say what the reader can act on."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from servegen_fw.drive.wire.failures import connect_failure, error_text, loss, status_failure


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TimeoutError(), "connect-timeout", "within 3 s"),
        (socket.gaierror(-2, "Name or service not known"), "dns", "Name or service not known"),
        (ConnectionRefusedError(111, "refused"), "refused", "nothing listens on h:1"),
        (ConnectionResetError(104, "reset"), "reset", "h:1"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "tls", "h:1"),
        (OSError(errno.EMFILE, "Too many open files"), "no-sockets", "ulimit"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "no-sockets", "local port"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "connect", "No route to host"),
    ],
)
def test_connect_failures(error: Exception, code: str, said: str) -> None:
    """Each way of not connecting has its code and names the place or the cure."""
    failure = connect_failure(error, "h:1", 3.0)
    assert failure.code == code
    assert said in failure.detail


@pytest.mark.parametrize(
    ("error", "received", "code"),
    [
        (None, 0, "closed"),
        (None, 10, "truncated"),
        (ConnectionResetError(), 0, "reset"),
        (ConnectionResetError(), 10, "reset"),
        (BrokenPipeError(), 0, "reset"),
        (ssl.SSLError(1, "bad record mac"), 10, "reset"),
    ],
)
def test_losses(error: Exception | None, received: int, code: str) -> None:
    """An orderly end inside a response is truncation, before it a close; a broken connection is a reset."""
    assert loss(error, received, "body").code == code


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": {"message": "model not found", "type": "x"}}', "model not found"),
        (b'{"error": "overloaded", "error_type": "overloaded"}', "overloaded"),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"detail": [{"loc": ["body"]}]}', '[{"loc": ["body"]}]'),
        (b'data: {"error": "out of memory"}\n\n', "out of memory"),
        (b"[" * 50_000, "[" * 299 + "…"),
        (b"<h1>Bad\n  Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_error_bodies(body: bytes, text: str) -> None:
    """The server's own words are found in every shape servers use, and shown on one line."""
    assert error_text(body) == text


def test_long_error_bodies_are_cut() -> None:
    """A page of text does not flood the report."""
    assert len(error_text(b"x" * 10_000)) == 300


def test_status_without_words_is_named() -> None:
    """A bare status is told by its phrase; an unknown one is said to be."""
    assert status_failure(429, "", b"").detail == "Too Many Requests"
    assert status_failure(599, "", b"").detail == "unknown status"


def test_redirect_names_the_target() -> None:
    """A redirect tells where it leads, since it is not followed."""
    failure = status_failure(307, "http://other/", b"")
    assert failure.code == "http-307"
    assert "http://other/" in failure.detail
