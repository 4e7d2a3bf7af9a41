"""How users under load get to the target: the same way as the one client, for a client of another library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from contracts.core.errors import ConfigurationError
from contracts.core.model import Request
from contracts.runs.plan import Plan
from contracts.traffic.connecting import tls_context
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.origin import split_base_url
from contracts.traffic.sending import user_agent
from contracts.traffic.wire import REVALIDATE

_CODINGS: Final = "gzip, deflate"


@dataclass(frozen=True, slots=True)
class UserRoute:
    """Where users send requests, and what an HTTP client of geventhttpclient must know for that.

    ``client`` holds the arguments of its ``HTTPClientPool``. It may hold a proxy's password.
    """

    host: str
    client: Mapping[str, Any] = field(repr=False)
    authority: str = ""
    """What the Host header says, where that is not what ``host`` says."""

    def headers(self, plan: Plan, request: Request) -> dict[str, str]:
        """All headers of a request. They may hold a key."""
        found = {"User-Agent": user_agent(), "Accept-Encoding": _CODINGS}
        if self.authority:
            found["Host"] = self.authority
        if request.accept is not None:
            found["Accept"] = request.accept
        if request.fresh:
            found[REVALIDATE[0]] = REVALIDATE[1]
        for header in plan.route.headers:
            found[header.name] = header.value.reveal()
        secret = CREDENTIALS[request.credential].form(plan.keys, plan.seed)
        if secret is not None and plan.operation.key_header:
            found[plan.operation.key_header] = secret.reveal().removeprefix("Bearer ")
        elif secret is not None:
            found["Authorization"] = secret.reveal()
        return found


def route(plan: Plan) -> UserRoute:
    """The way to the target of a plan.

    Raises:
        ConfigurationError: Users under load can't go that way, or a certificate can't be used.
    """
    limits, route = plan.limits, plan.route
    base_url = plan.target.base_url.rstrip("/")
    origin, _ = split_base_url(base_url)
    client: dict[str, Any] = {
        "connection_timeout": limits.connect,
        "network_timeout": min(limits.read, limits.answer),
        "concurrency": 2,  # a user's own requests, and a look at the list
        "insecure": False,
    }
    if origin.scheme == "https":
        context = tls_context(route, certificate=True)
        client["ssl_context_factory"] = lambda cafile=None: context  # noqa: ARG005 - it knows its authorities
    proxy = route.proxy
    if proxy is not None:
        if proxy.scheme != "http":
            raise ConfigurationError(
                f"Users under load can't use {proxy.name}: give one that is spoken to by http://, or --no-proxy."
            )
        client |= {"proxy_host": proxy.host, "proxy_port": proxy.port}
        if proxy.login is not None:
            client |= {"proxy_user": proxy.login[0].reveal(), "proxy_password": proxy.login[1].reveal()}
    addresses = route.addresses_of(origin.host.strip("[]"), origin.port)
    if not addresses:
        return UserRoute(base_url, client)
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    client["ssl_options"] = {"server_hostname": origin.host.strip("[]")}
    path = urlsplit(base_url).path
    return UserRoute(f"{origin.scheme}://{address}:{origin.port}{path}", client, origin.authority)
