"""Base URLs and headers are checked before anything is sent."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from servegen_fw.drive.wire.origin import Origin, header_fields, tls_context
from servegen_fw.errors import InputError


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h:81", Origin("h", 81, False, "")),
        ("http://h/", Origin("h", 80, False, "")),
        ("https://h/base/", Origin("h", 443, True, "/base")),
        ("http://[::1]:9", Origin("::1", 9, False, "")),
        (" http://127.0.0.1:9 ", Origin("127.0.0.1", 9, False, "")),
    ],
)
def test_urls(url: str, origin: Origin) -> None:
    """Scheme, host, port and path prefix are taken from the URL, with the scheme's default port."""
    assert Origin.parse(url) == origin


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8000", "http://HOST:PORT"),
        ("ftp://h", "http://HOST:PORT"),
        ("http://", "http://HOST:PORT"),
        ("http://h:99999", "range"),
        ("http://me:secret@h", "environment variable"),
        ("http://h/?key=1", "query"),
        ("http://h/a b", "percent-encode"),
        ("http://[::1", "IPv6"),
    ],
)
def test_bad_urls(url: str, said: str) -> None:
    """What is no base URL is refused with its cure."""
    with pytest.raises(InputError, match=said):
        Origin.parse(url)


def test_request_head() -> None:
    """A head carries prefix, path, host with a port that is not the default, and the given fields."""
    head = Origin("h", 81, False, "/b").head("POST", "/v1", "A: b\r\n")
    assert head == b"POST /b/v1 HTTP/1.1\r\nHost: h:81\r\nAccept-Encoding: identity\r\nA: b\r\n"
    assert b"Host: h\r\n" in Origin("h", 443, True, "").head("GET", "/", "")
    assert b"Host: [::1]:9\r\n" in Origin("::1", 9, False, "").head("GET", "/", "")


@pytest.mark.parametrize("path", ["v1", "/a b", "/a\r\nX: y", "/é"])
def test_bad_paths(path: str) -> None:
    """A path cannot break the request line apart."""
    with pytest.raises(InputError, match="not a path"):
        Origin("h", 1, False, "").head("GET", path, "")


@pytest.mark.parametrize(
    "headers",
    [{"A": "b\r\nC: d"}, {"A b": "c"}, {"": "c"}, {"Content-Length": "3"}, {"host": "x"}, {"A": "€"}],
)
def test_bad_headers(headers: dict[str, str]) -> None:
    """Headers that would split the request, or that the client sets itself, are refused."""
    with pytest.raises(InputError):
        header_fields(headers)


def test_header_values_are_not_shown() -> None:
    """The message about a bad header does not print its value, which may be a secret."""
    with pytest.raises(InputError) as caught:
        header_fields({"Authorization": "Bearer s3cret\n"})
    assert "s3cret" not in str(caught.value)


def test_missing_certificates(tmp_path: Path) -> None:
    """A missing or empty certificate file is told by name."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (str(tmp_path / "absent.pem"), str(empty)):
        with pytest.raises(InputError, match="cannot read certificates"):
            tls_context(path, insecure=False)


def test_file_and_insecure_exclude_each_other(tmp_path: Path) -> None:
    """Asking for both a check and no check is an error."""
    with pytest.raises(InputError, match="one of the two"):
        tls_context(str(tmp_path), insecure=True)


def test_certificates_are_checked_by_default(tmp_path: Path) -> None:
    """The context checks certificate and host name unless told not to."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    checked, unchecked = tls_context(str(path), insecure=False), tls_context("", insecure=True)
    assert checked.verify_mode == ssl.CERT_REQUIRED
    assert checked.check_hostname
    assert unchecked.verify_mode == ssl.CERT_NONE
