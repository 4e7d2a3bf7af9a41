"""How a connection to a target comes about: name, address, proxy and TLS, all of it before one deadline."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from enum import IntEnum
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import h11

from contracts.core.errors import ConfigurationError
from contracts.traffic.origin import Origin
from contracts.traffic.route import Proxy, Route

if TYPE_CHECKING:
    from urllib3.util.ssltransport import SSLTransport

    Stream = socket.socket | SSLTransport
    """What bytes go through; with TLS to a proxy and TLS to the target within it, that of urllib3."""

_T = TypeVar("_T")
PROXY_REFUSES: Final = 407
_LARGEST_REPLY: Final = 65536


class VerifyCode(IntEnum):
    """Why a certificate is refused, as OpenSSL numbers it (``X509_V_ERR_…``)."""

    NOT_YET_VALID = 9
    EXPIRED = 10
    OTHER_NAME = 62
    OTHER_ADDRESS = 64


class UnreachableError(Exception):
    """There is no connection.

    ``retryable`` says whether another try makes sense; ``refused`` that the host of the target was reached, and
    refused; ``turned_away`` that a proxy took a request and did not pass it on, so that a new connection shows nothing.
    """

    def __init__(self, text: str, *, retryable: bool = True, refused: bool = False, turned_away: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.refused = refused
        self.turned_away = turned_away


class Connector:
    """Opens connections to one origin.

    Args:
        origin: Where to connect to.
        route: What stands between.

    Raises:
        ConfigurationError: The authorities, the certificate, or the proxy can't be used.
    """

    def __init__(self, origin: Origin, route: Route) -> None:
        self._origin = origin
        self._host = origin.host.strip("[]")
        self._route = route
        self._context = tls_context(route, certificate=True) if origin.scheme == "https" else None
        proxy = self._proxy = route.proxy
        if proxy is not None and (proxy.host, proxy.port) == (self._host, origin.port):
            raise ConfigurationError(f"{proxy.name[:1].upper()}{proxy.name[1:]} is the target itself.")
        if proxy is not None and proxy.looks_up and route.addresses_of(self._host, origin.port):
            raise ConfigurationError(
                f"--resolve can't say where {origin.authority} is: {proxy.name} looks it up. Ask without a proxy"
                " (--no-proxy), or without --resolve."
            )
        self._to_proxy = tls_context(route) if proxy is not None and proxy.scheme == "https" else None

    @property
    def prefix(self) -> bytes:
        """What stands before the path in a request line: an HTTP proxy gets the origin there."""
        return str(self._origin).encode("ascii") if self._proxy_reads else b""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that a proxy for HTTP gets with each request. They may hold its password."""
        return _login(self._proxy) if self._proxy is not None and self._proxy_reads else ()

    def check(self, status: int) -> None:
        """See whether it was the proxy that answered, where it reads the requests.

        Raises:
            UnreachableError: It wants credentials.
        """
        if status == PROXY_REFUSES and self._proxy is not None and self._proxy_reads:
            raise UnreachableError(_wants_credentials(self._proxy, str(status)), retryable=False, turned_away=True)

    @property
    def _through(self) -> str:
        """The way to the target, for sentences about what came of it."""
        return f" through {self._proxy.name}" if self._proxy is not None else ""

    @property
    def _proxy_reads(self) -> bool:
        return self._proxy is not None and self._proxy.forwards and self._context is None

    def open(self, within: float) -> Stream:
        """A connection on which requests can be sent.

        Args:
            within: Seconds that it may take.

        Raises:
            UnreachableError: It did not come about.
        """
        until = time.monotonic() + within
        stage = "connection"
        stream: Stream | None = None
        try:
            stream = reached = self._reach(until)
            if self._context is not None:
                stage = "TLS handshake"
                stream = self._encrypted(reached, self._context, until)
        except TimeoutError:
            _close(stream)
            raise UnreachableError(f"no {stage}{self._through} within {within:.3g} s") from None
        except ssl.SSLError as error:
            _close(stream)
            raise _refused_by_tls(error, self._route, self._through) from None
        except (OSError, UnicodeError) as error:
            _close(stream)
            text = reason(error) if stage == "connection" else f"no TLS{self._through} ({reason(error)})"
            raise UnreachableError(text, refused=isinstance(error, ConnectionRefusedError)) from None
        except BaseException:
            _close(stream)
            raise
        return stream

    def _reach(self, until: float) -> socket.socket:
        """A connection to the target, or to what forwards requests to it."""
        proxy = self._proxy
        if proxy is None:
            return self._dial(self._host, self._origin.port, until)
        try:
            if not proxy.forwards:
                return self._through_socks(proxy, until)
            stream = self._dial(proxy.host, proxy.port, until)
            try:
                if self._to_proxy is not None:
                    stream.settimeout(left(until))
                    stream = self._to_proxy.wrap_socket(stream, server_hostname=proxy.host)
                if self._context is not None:
                    self._open_tunnel(stream, proxy, until)
            except BaseException:
                _close(stream)
                raise
        except ssl.SSLError as error:
            refused = _refused_by_tls(error, self._route)
            raise UnreachableError(f"{proxy.name} gives no TLS: {refused}", retryable=False) from None
        except TimeoutError:
            raise UnreachableError(f"{proxy.name} does not answer in time") from None
        except (OSError, UnicodeError) as error:
            raise UnreachableError(f"{proxy.name} can't be connected to ({reason(error)})") from None
        return stream

    def _dial(self, host: str, port: int, until: float) -> socket.socket:
        addresses = self._route.addresses_of(host, port) or _look_up(host, port, left(until))
        return _first(addresses, port, until)

    def _encrypted(self, stream: socket.socket, context: ssl.SSLContext, until: float) -> Stream:
        """TLS to the target, on a connection that may itself be TLS to a proxy."""
        stream.settimeout(left(until))
        if isinstance(stream, ssl.SSLSocket):
            from urllib3.util.ssltransport import SSLTransport

            return SSLTransport(stream, context, server_hostname=self._host)
        return context.wrap_socket(stream, server_hostname=self._host)

    def _open_tunnel(self, stream: socket.socket, proxy: Proxy, until: float) -> None:
        """Ask a proxy for a connection to the target: all that is ever sent that is no GET, and it goes no further.

        Raises:
            UnreachableError: The proxy does not connect.
            OSError: It can't be spoken to.
        """
        host = f"{self._origin.host}:{self._origin.port}".encode("ascii")
        stream.settimeout(left(until))
        login = header_lines(_login(proxy))
        stream.sendall(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (host, host, login))
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_REPLY)
        parser.send(h11.Request(method="CONNECT", target=host, headers=[(b"Host", host)]))
        try:
            while not isinstance(event := parser.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    stream.settimeout(left(until))
                    parser.receive_data(stream.recv(_LARGEST_REPLY))
                elif isinstance(event, h11.ConnectionClosed):
                    raise UnreachableError(f"{proxy.name} closed the connection without an answer")
        except h11.RemoteProtocolError:
            raise UnreachableError(f"{proxy.name} does not answer in HTTP", retryable=False) from None
        if event.status_code not in range(200, 300):
            raise _refused_by_proxy(proxy, event.status_code)
        if parser.trailing_data[0]:
            # With TLS the target is silent until this side has spoken.
            raise UnreachableError(f"{proxy.name} answers in place of the target", retryable=False)

    def _through_socks(self, proxy: Proxy, until: float) -> socket.socket:
        from python_socks import ProxyError, ProxyType
        from python_socks.sync import Proxy as Socks

        host, port = self._host, self._origin.port
        by_proxy = proxy.looks_up
        if not by_proxy:
            host = (self._route.addresses_of(host, port) or _look_up(host, port, left(until)))[0]
        user, password = (None, None) if proxy.login is None else (each.reveal() for each in proxy.login)
        kind = ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else ProxyType.SOCKS5
        socks = Socks(kind, proxy.host, proxy.port, user, password, rdns=by_proxy)
        within = left(until)
        try:
            return _bounded(lambda: socks.connect(host, port, within), within)
        except ProxyError as error:
            text = str(error)
            if "authentication" in text.lower():
                raise UnreachableError(_wants_credentials(proxy, "SOCKS"), retryable=False) from None
            if "closed" in text.lower():
                # As some proxies do that refuse who asks.
                wanted = "other credentials in" if proxy.login is not None else "credentials, USER:PASSWORD@ in"
                raise UnreachableError(f"{proxy.name} closed the connection: it may want {wanted} its URL") from None
            raise UnreachableError(f"{proxy.name} gives no connection to it: {printable(text)}") from None


def _refused_by_proxy(proxy: Proxy, status: int) -> UnreachableError:
    """What a proxy says that does not let requests through, as a sentence."""
    if status == PROXY_REFUSES:
        return UnreachableError(_wants_credentials(proxy, str(status)), retryable=False)
    text = f"{proxy.name} gives no connection to it: it answers {status}"
    return UnreachableError(text, retryable=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _wants_credentials(proxy: Proxy, how: str) -> str:
    if proxy.login is None:
        return (
            f"{proxy.name} wants credentials ({how}): write them into its URL, as {proxy.scheme}://USER:PASSWORD@HOST"
        )
    return f"{proxy.name} refuses the credentials in its URL ({how})"


def refused_certificate(error: ssl.SSLError) -> str:
    """What a server says, once TLS stands, that wants a certificate of this side, as a sentence; "" for all else."""
    alert = (error.reason or "").upper()
    if alert.endswith("ALERT_CERTIFICATE_REQUIRED"):
        return "it wants a certificate of this side: name one with --client-cert"
    if "ALERT" in alert and ("CERTIFICATE" in alert or alert.endswith("UNKNOWN_CA")):
        said = f"it does not accept the certificate of --client-cert ({reason(error)})"
        return f"{said}: give one that is valid now, and of an authority that it knows"
    return ""


def _refused_by_tls(error: ssl.SSLError, route: Route, through: str = "") -> UnreachableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(_of_certificate(error, route), retryable=False)
    if said := refused_certificate(error):
        return UnreachableError(said, retryable=False)
    seen = f"no TLS{through} ({reason(error)})"
    if (error.reason or "").upper().endswith("ALERT_HANDSHAKE_FAILURE"):
        seen += ": it may want a certificate of this side (--client-cert)"
    return UnreachableError(seen)


def _of_certificate(error: ssl.SSLCertVerificationError, route: Route) -> str:
    """Why the certificate of the other side is refused, and what to do."""
    seen = f"its certificate is refused ({printable(error.verify_message).rstrip('.')})"
    match error.verify_code:
        case VerifyCode.EXPIRED:
            return f"{seen}: renew it on that side, or check the clock of this machine"
        case VerifyCode.NOT_YET_VALID:
            return f"{seen}: check the clock of this machine"
        case VerifyCode.OTHER_NAME | VerifyCode.OTHER_ADDRESS:
            return f"{seen}: give the host by the name that the certificate has"
    if route.authorities is not None:
        return f"{seen}: {route.authorities_source} does not hold the authority that signed it"
    return f"{seen}: trust a private authority with --ca-bundle"


def _login(proxy: Proxy) -> tuple[tuple[str, str], ...]:
    if proxy.login is None:
        return ()
    login = ":".join(each.reveal() for each in proxy.login).encode("latin-1")
    return (("Proxy-Authorization", f"Basic {base64.b64encode(login).decode('ascii')}"),)


def header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Headers as they are sent."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def _close(stream: Stream | None) -> None:
    if stream is not None:
        with suppress(OSError):
            stream.close()


def left(until: float) -> float:
    """Seconds until then, and more than none, for what takes 0 as no bound."""
    return max(0.001, until - time.monotonic())


def _bounded(function: Callable[[], _T], within: float) -> _T:
    """What a function returns or raises that nothing bounds in time: it is left to a thread that may be left behind.

    Raises:
        TimeoutError: It did not end within so many seconds.
    """
    done: Future[_T] = Future()

    def work() -> None:
        try:
            done.set_result(function())
        except Exception as error:  # noqa: BLE001 - raised by who waits
            done.set_exception(error)

    # An executor would be joined when Python ends, and wait for what nothing bounds.
    threading.Thread(target=work, name="connecting", daemon=True).start()
    return done.result(timeout=within)


def _look_up(host: str, port: int, within: float) -> tuple[str, ...]:
    """The addresses of a host, at least one.

    Raises:
        TimeoutError: None was found within so many seconds.
        OSError: The host has no address.
        UnicodeError: It can't be a name.
    """
    with suppress(ValueError):
        return (str(ip_address(host)),)
    found = _bounded(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), within)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _first(addresses: Sequence[str], port: int, until: float) -> socket.socket:
    """A connection to the first address that takes one, each having its share of the time."""
    *others, last = addresses
    for more, address in zip(range(len(addresses), 1, -1), others, strict=True):
        with suppress(OSError):
            return _dialled(address, port, left(until) / more)
    return _dialled(last, port, left(until))


def _dialled(address: str, port: int, within: float) -> socket.socket:
    sock = socket.create_connection((address, port), timeout=within)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def tls_context(route: Route, *, certificate: bool = False) -> ssl.SSLContext:
    """What TLS trusts on a route, and with ``certificate`` by what this side names itself.

    Raises:
        ConfigurationError: The authorities or the certificate can't be used.
    """
    path = route.authorities
    try:
        if path is not None and path.is_dir():
            context = ssl.create_default_context(capath=str(path))
        else:
            context = ssl.create_default_context(cafile=None if path is None else str(path))
    except (OSError, ssl.SSLError) as error:
        why = "it is no file of certificates (PEM)" if isinstance(error, ssl.SSLError) else reason(error).lower()
        msg = f"The file of certificate authorities ({route.authorities_source}) can't be used: {path}: {why}."
        raise ConfigurationError(msg) from None
    context.set_alpn_protocols(["http/1.1"])
    if certificate and route.certificate is not None:
        _name_ourselves(context, route.certificate, route.certificate_key)
    return context


def _name_ourselves(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    def ask() -> str:
        raise ConfigurationError("The key of --client-cert has a passphrase: give one that has none (--client-key).")

    try:
        context.load_cert_chain(certificate, key, password=ask)
    except ssl.SSLError as error:
        if (error.reason or "") == "KEY_VALUES_MISMATCH":
            raise ConfigurationError("--client-key is not the key of --client-cert.") from None
        if key is None:
            why = "it holds no certificate and key (PEM); --client-key names the key if that is in a file of its own"
            raise ConfigurationError(f"--client-cert {certificate} can't be used: {why}.") from None
        both = f"--client-cert {certificate} and --client-key {key}"
        raise ConfigurationError(f"{both} can't be used: they are no certificate and key (PEM).") from None
    except OSError as error:
        raise ConfigurationError(f"--client-cert or --client-key can't be read: {reason(error).lower()}.") from None


def reason(error: Exception) -> str:
    """What the system says, in its words."""
    if isinstance(error, ssl.SSLError):
        return printable(error.reason or "TLS error").replace("_", " ").lower()
    if isinstance(error, UnicodeError):
        return "that is no name of a host"
    return printable(getattr(error, "strerror", None) or type(error).__name__)


def printable(text: str) -> str:
    """The text with a question mark for each sign that can't be printed."""
    return "".join(character if character.isprintable() else "?" for character in text)
