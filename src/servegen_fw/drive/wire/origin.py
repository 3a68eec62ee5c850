"""Where requests go: the base URL taken apart, checked, and put into request heads."""

from __future__ import annotations

import functools
import re
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from servegen_fw.errors import InputError, Problem

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "host", "accept-encoding"})


@attrs.frozen
class Origin:
    """A server and the path below which its routes lie.

    Attributes
    ----------
        host: name or address, an IPv6 address without brackets.
        port: TCP port.
        secure: whether TLS is spoken.
        prefix: path before every route, without a slash at its end.
    """

    host: str
    port: int
    secure: bool
    prefix: str

    @property
    def where(self) -> str:
        """Host and port as people write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Take a base URL apart.

        Raises
        ------
            InputError: it is not an http or https URL of a server, or carries credentials or a query.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise _refuse(url, str(error)) from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise _refuse(url, "write http://HOST:PORT or https://HOST")
        if parts.username is not None or parts.password is not None:
            raise _refuse(
                url, "credentials do not belong into a URL; name an environment variable that holds them"
            )
        if parts.query or parts.fragment:
            raise _refuse(url, "a base URL has neither a query nor a fragment")
        if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
            raise _refuse(url, "percent-encode the path")
        secure = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if secure else 80), secure, parts.path.rstrip("/"))

    @functools.lru_cache(maxsize=64)  # noqa: B019 - a handful of routes, and an origin lives as long as its client
    def head(self, method: str, path: str, fields: str) -> bytes:
        """Return a request head up to the body's length: request line and all headers but Content-Length.

        Raises
        ------
            InputError: the path would break the request line.
        """
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise InputError(Problem(f"{path!r} is not a path", cure="begin with a slash and percent-encode"))
        default = 443 if self.secure else 80
        host = self.where if self.port != default else self.where.removesuffix(f":{default}")
        return (
            f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n{fields}"
        ).encode("latin-1")


def _refuse(url: str, cure: str) -> InputError:
    return InputError(Problem(f"{url!r} is not the base URL of a server", who="url", cure=cure))


def header_fields(headers: Mapping[str, str]) -> str:
    """Return headers as they stand in a request, one line each.

    Raises
    ------
        InputError: a name or value would break the request apart, or the client sets that header itself.
    """
    lines = []
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or any(sign in value for sign in "\r\n\0"):
            raise InputError(
                Problem(f"header {name!r} cannot be sent", cure="names are tokens, values one line")
            )
        if name.lower() in _OWN_HEADERS:
            raise InputError(Problem(f"header {name!r} is set by the client itself", cure="leave it out"))
        try:
            value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise InputError(Problem(f"header {name!r} holds characters outside Latin-1")) from error
        lines.append(f"{name}: {value.strip()}\r\n")
    return "".join(lines)


def tls_context(ca_file: str, insecure: bool) -> ssl.SSLContext:
    """Return the context for a server: the system's authorities, those in a PEM file instead, or no check at all.

    Raises
    ------
        InputError: the file is missing or holds no certificate.
    """
    if insecure and ca_file:
        cure = "give one of the two"
        raise InputError(Problem("certificates are either checked against a file or not at all", cure=cure))
    try:
        if insecure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "it holds no PEM certificate"
        raise InputError(Problem(f"cannot read certificates: {reason}", who=ca_file)) from error
    context.set_alpn_protocols(["http/1.1"])
    return context
