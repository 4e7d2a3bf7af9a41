"""What the port of a target speaks, where no request to it was answered as HTTP.

Nothing secret is sent, and no certificate is checked: nothing is learned here but the protocol.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress
from typing import Final

from contracts.traffic.origin import Origin, split_base_url

_FIRST: Final = 64
"""Bytes that are enough to know a protocol by."""


def speaks_tls(base_url: str, seconds: float) -> bool:
    """Whether the port of this URL takes part in a TLS handshake, be it to ask for a client's certificate.

    ``seconds`` bounds connecting, and each wait for a byte.
    """
    origin, _ = split_base_url(base_url)
    try:
        with _connected(origin, seconds) as plain, _secured(plain, origin):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def first_bytes(base_url: str, target: str, seconds: float) -> bytes:
    """The first bytes that come in answer to a GET without a key; none where nothing comes.

    ``seconds`` bounds connecting, and each wait for a byte.
    """
    origin, _ = split_base_url(base_url)
    head = f"GET {target} HTTP/1.1\r\nHost: {origin.authority}\r\nConnection: close\r\n\r\n"
    received = b""
    with suppress(OSError), ExitStack() as opened:
        connection = opened.enter_context(_connected(origin, seconds))
        if origin.scheme == "https":
            connection = opened.enter_context(_secured(connection, origin))
        connection.sendall(head.encode("ascii"))
        while len(received) < _FIRST and (data := connection.recv(_FIRST - len(received))):
            received += data
    return received


def _connected(origin: Origin, seconds: float) -> socket.socket:
    return socket.create_connection((origin.host.strip("[]"), origin.port), seconds)


def _secured(plain: socket.socket, origin: Origin) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=origin.host.strip("[]"))
