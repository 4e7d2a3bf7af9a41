"""What stands between this machine and a target: a proxy, authorities, a certificate of ours, headers of a gateway."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from contracts.core.errors import ConfigurationError
from contracts.traffic.keys import Secret
from contracts.traffic.origin import Origin, split_base_url

PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}
_SOCKS_PORT: Final = 1080
_AUTHORITIES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a file of authorities, in the order in which they count; the first two as in requests."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?")
_OURS: Final = {
    "authorization": "it carries the key, or none where a clause asks so",
    "proxy-authorization": "write the user and the password into the URL of the proxy",
    "host": "it is that of the base URL; --resolve says which machine is asked",
    "user-agent": "it names this suite",
    "cache-control": "clauses are judged by what caches answer",
    "pragma": "clauses are judged by what caches answer",
    "range": "it asks for a part of a page",
    "expect": "it speaks of a body, and a GET has none",
}
_FRAMING: Final = ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. ``login`` is user and password as the URL has them decoded; ``source`` who named the proxy."""

    scheme: str
    host: str
    port: int
    login: tuple[Secret, Secret] | None = field(default=None, repr=False)
    source: str = "--proxy"

    @property
    def forwards(self) -> bool:
        """Whether it speaks HTTP."""
        return self.scheme in _PORTS

    @property
    def looks_up(self) -> bool:
        """Whether it asks a name server itself for the address of a target."""
        return self.forwards or self.scheme in {"socks5h", "socks4a"}

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Its URL, without a password."""
        return f"{self.scheme}://{'USER:PASSWORD@' if self.login else ''}{self.authority}"

    @property
    def name(self) -> str:
        """How sentences name it."""
        return f"the proxy {self.scheme}://{self.authority} ({self.source})"


@dataclass(frozen=True, slots=True)
class Header:
    """A header of each request; ``shown`` takes the place of a secret value in what people see."""

    name: str
    value: Secret
    shown: str | None = None

    @property
    def curl(self) -> str:
        """Curl's option, quoted for a POSIX shell."""
        text = f"{self.name}: {self.value.reveal()}"
        return f"-H {shlex.quote(text)}" if self.shown is None else f'-H "{self.name}: {self.shown}"'


@dataclass(frozen=True, slots=True)
class Address:
    """What ``--resolve`` says: the addresses of a host and a port, in place of those that a name server has."""

    host: str
    port: int
    addresses: tuple[str, ...]

    def __str__(self) -> str:
        host, *addresses = (f"[{each}]" if ":" in each else each for each in (self.host, *self.addresses))
        return f"{host}:{self.port}:{','.join(addresses)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How requests get to a target; by default straight, with the usual authorities."""

    proxy: Proxy | None = None
    authorities: Path | None = None
    """The file (PEM) or folder of the authorities that are trusted in place of the usual ones."""
    authorities_source: str = "--ca-bundle"
    certificate: Path | None = None
    """The file (PEM) of the certificate by which this side names itself, and of its key if there is no other."""
    certificate_key: Path | None = None
    headers: tuple[Header, ...] = ()
    addresses: tuple[Address, ...] = ()
    direct: bool = False
    """Whether the user asked that no proxy is used."""

    @property
    def secrets(self) -> tuple[tuple[str, Secret], ...]:
        """What must be kept out of everything that is written, by name."""
        login = self.proxy.login if self.proxy is not None else None
        password = [("proxy-password", login[1])] if login is not None and login[1].reveal() else []
        headers = [(_marker(each.name), each.value) for each in self.headers if each.shown is not None]
        return (*password, *headers)

    def curl(self, base_url: str) -> tuple[str, ...]:
        """Curl's options that ask a target the same way, quoted for a POSIX shell, without any secret."""
        words: list[str] = []
        encrypted = base_url.strip().lower().startswith("https:")
        if self.proxy is not None:
            named = re.fullmatch(r"[A-Za-z_]+", self.proxy.source)
            words.append(f'-x "${self.proxy.source}"' if named else f"-x {shlex.quote(str(self.proxy))}")
        elif self.direct:
            words.append("--noproxy '*'")
        if encrypted and self.authorities is not None:
            words.append(f"--ca{'path' if self.authorities.is_dir() else 'cert'} {shlex.quote(str(self.authorities))}")
        if encrypted and self.certificate is not None:
            words.append(f"--cert {shlex.quote(str(self.certificate))}")
        if encrypted and self.certificate_key is not None:
            words.append(f"--key {shlex.quote(str(self.certificate_key))}")
        words += [f"--resolve {shlex.quote(str(each))}" for each in self.addresses]
        return (*words, *(each.curl for each in self.headers))

    def addresses_of(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that the user gave for a host; none where a name server is to be asked.

        As for curl, the last one counts of several for the same host, and ``*`` is for hosts that are not named.
        """
        given = {each.host: each.addresses for each in self.addresses if each.port == port}
        return given.get(host) or given.get("*", ())


STRAIGHT: Final = Route()


def _marker(name: str) -> str:
    """A header's name as markers in reports can hold it."""
    return "header-" + re.sub(r"[^a-z_-]", "-", name.lower())


def proxy_of(url: str, source: str) -> Proxy:
    """The proxy at a URL; without a scheme it is one for HTTP, as for curl.

    Raises:
        ValueError: It is no such URL. The text completes a sentence, and does not hold the URL.
    """
    text = url.strip() if "://" in url else f"http://{url.strip()}"
    scheme = text.partition("://")[0].lower()
    if scheme not in PROXY_SCHEMES:
        raise ValueError(f"is no proxy: its URL begins with {', '.join(PROXY_SCHEMES[:-1])} or {PROXY_SCHEMES[-1]}")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError("is no URL of a proxy: write http://host:port") from None
    if not host or not re.fullmatch(r"[!-~]+", text) or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("is no URL of a proxy: write http://host:port, with %XX for odd signs of a password")
    login = None
    if parts.username is not None:
        login = Secret(unquote(parts.username)), Secret(unquote(parts.password or ""))
        if any(not re.fullmatch(r"[ -~\xa0-\xff]*", each.reveal()) for each in login) or ":" in login[0].reveal():
            raise ValueError("is no URL of a proxy: its user or password can't be sent")
    return Proxy(scheme, host, _PORTS.get(scheme, _SOCKS_PORT) if port is None else port, login, source)


def proxy_of_environment(base_url: str, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy that the environment names for a target, by the rules of requests; ``None`` for none.

    Raises:
        ConfigurationError: What it names is no proxy.
    """
    variables = os.environ if environ is None else environ
    origin, _ = split_base_url(base_url)
    for name in (f"{origin.scheme}_proxy", "all_proxy"):
        for source in (name, name.upper()):
            value = variables.get(source, "").strip()
            if not value or (source == "HTTP_PROXY" and "REQUEST_METHOD" in variables):
                continue
            if _spared(origin, variables):
                return None
            try:
                return proxy_of(value, source)
            except ValueError as error:
                raise ConfigurationError(f"{source} {error}.") from None
    return None


def _spared(origin: Origin, variables: Mapping[str, str]) -> bool:
    """Whether ``NO_PROXY`` names the host of a target: a name or its end, an address or a network, a port perhaps.

    What curl or requests ask without a proxy is asked without one. Entries are separated by commas or spaces.
    """
    spared = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    return any(_names(entry, origin) for entry in re.split(r"[\s,]+", spared) if entry)


def _names(entry: str, origin: Origin) -> bool:
    """Whether an entry of ``NO_PROXY`` names the host, and the port if it has one."""
    if entry == "*":
        return True
    match = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::([0-9]{1,5}))?", entry)
    name, port = match.groups() if match else (entry, None)
    if port and int(port) != origin.port:
        return False
    host, name = (each.strip("[]").strip(".").lower() for each in (origin.host, name))
    try:
        address = ip_address(host)
    except ValueError:
        return bool(name) and f".{host}".endswith(f".{name}")
    with suppress(ValueError):
        return address in ip_network(name, strict=False)
    return False


def authorities_of_environment(environ: Mapping[str, str] | None = None) -> tuple[Path, str] | None:
    """The file or folder of authorities that the environment names, and the variable that names it.

    Raises:
        ConfigurationError: There is no such file or folder.
    """
    variables = os.environ if environ is None else environ
    for name in _AUTHORITIES:
        value = variables.get(name, "").strip()
        if value:
            path = Path(value)
            if not path.exists():
                raise ConfigurationError(f"{name} names a file of authorities that is not there: {value}.")
            return path, name
    return None


def check_name(name: str) -> str:
    """The name of a header that the user may add.

    Raises:
        ValueError: Not this one; the text completes a sentence.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("has no name of a header before it: write 'Name: value'")
    reason = _OURS.get(name.lower())
    if name.lower() in _FRAMING:
        reason = "it says how messages follow each other on a connection"
    elif name.lower().startswith(("accept", "if-")):
        reason = "it changes what an answer must be"
    elif name.lower().startswith("content-"):
        reason = "it speaks of a body, and a GET has none"
    if reason is not None:
        raise ValueError(f"can't be given: {reason}")
    return name


def check_value(value: str) -> str:
    """The value of a header.

    Raises:
        ValueError: It can't be sent; the text completes a sentence, and does not hold the value.
    """
    if not _VALUE.fullmatch(value.strip()):
        raise ValueError("has no value that a header can carry")
    return value.strip()


def address_of(word: str) -> Address:
    """What ``HOST:PORT:ADDRESS`` says; several addresses have commas between them.

    Raises:
        ValueError: It says no address; the text completes a sentence.
    """
    match = re.fullmatch(r"\+?([^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5}):(\S+)", word.strip())
    if not match or int(match[2]) not in range(1, 65536):
        raise ValueError("is no HOST:PORT:ADDRESS")
    try:
        addresses = tuple(str(ip_address(each.strip("[]"))) for each in match[3].split(","))
    except ValueError:
        raise ValueError("names no IP address: write HOST:PORT:ADDRESS") from None
    host = match[1].strip("[]").lower()
    with suppress(ValueError):
        host = str(ip_address(host))
    return Address(host, int(match[2]), addresses)
