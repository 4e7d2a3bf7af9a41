"""Where a target is: the origin of its base URL, and the prefix of its paths."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import urljoin, urlsplit

from contracts.core.errors import ConfigurationError

_USER = re.compile(r"(?<=:)//[^/?#@]*@")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go: scheme, host (as in a URL, in lower case) and port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as the Host header gives them."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def split_url(url: str) -> tuple[Origin, str]:
    """The origin of an http or https URL, and its path with the query, as they stand.

    Raises:
        ValueError: It is no such URL, or has a user or characters that can't be sent; the text is a sentence.
    """
    if not re.fullmatch(r"[!-~]+", url):
        raise ValueError("A URL has printable ASCII characters only.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("It is no URL.") from None
    try:
        port = parts.port
    except ValueError:
        port = 0
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError("It is no http:// or https:// URL with a host, as in https://host/v1.")
    if "@" in parts.netloc:
        raise ValueError("A URL with a user in it is not used: give what a gateway asks for as --secret-header.")
    if port == 0:
        raise ValueError("Its port is no number from 1 to 65535.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if ":" in parts.hostname:
        try:
            IPv6Address(parts.hostname)
        except ValueError:
            raise ValueError("Its host is no IPv6 address.") from None
    path = url.partition("#")[0].partition("://")[2][len(parts.netloc) :]
    return Origin(scheme, host, _PORTS[scheme] if port is None else port), path


def redirected(origin: Origin, target: str, locations: Collection[str]) -> str:
    """The path and query to which the answer to a request of this origin leads, within the origin.

    Args:
        origin: Where the request was sent.
        target: Its path and query.
        locations: The different values of the Location headers.

    Raises:
        ValueError: It leads to no one place, or to another origin; the text says so, without the status.
    """
    if len(locations) != 1:
        raise ValueError("with several Locations" if locations else "with no Location")
    (location,) = locations
    try:
        to, path = split_url(urljoin(f"{origin}{target}", location))
    except ValueError:
        hidden = _USER.sub("//…@", location)
        what = "that is no http(s) URL" if hidden == location else "with a user in it"
        message = f"to a Location {what}: {hidden!r}"
        raise ValueError(message) from None
    if to != origin:
        message = f"to another origin: {location!r}"
        raise ValueError(message)
    return path if path.startswith("/") else f"/{path}"


def split_base_url(base_url: str) -> tuple[Origin, str]:
    """The origin of a base URL and the prefix of its paths, without a slash at its end.

    Raises:
        ConfigurationError: It can't be used as one.
    """
    try:
        origin, path = split_url(base_url.strip())
    except ValueError as error:
        msg = f"The base URL can't be used: {error}"
        raise ConfigurationError(msg) from None
    if "?" in path:
        raise ConfigurationError("The base URL can't be used: it has a query.")
    return origin, path.rstrip("/")
