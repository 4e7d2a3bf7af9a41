"""How users under load get to the target: the same way as the one client, for a client of another library."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.core.model import Request
from contracts.runs.plan import Plan
from contracts.traffic.connecting import Connector
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.limits import Limits
from contracts.traffic.origin import Origin, split_base_url
from contracts.traffic.pool import REVALIDATE
from contracts.traffic.sending import user_agent

_CODINGS = "gzip, deflate"


class NoConnection(OSError):
    """There is no connection to the target; the text says why."""


@dataclass(frozen=True, slots=True)
class UserRoute:
    """Where users send requests, what opens their connections, and how long all of it may take."""

    base_url: str
    origin: Origin
    connector: Connector = field(repr=False)
    limits: Limits

    def headers(self, plan: Plan, request: Request) -> dict[str, str]:
        """All headers of a request. They may hold a key, and the password of a proxy that reads requests."""
        found = {
            "Host": self.origin.authority,
            "User-Agent": user_agent(),
            "Accept-Encoding": _CODINGS,
            **dict(self.connector.headers),
        }
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
        ConfigurationError: As `Connector`.
    """
    base_url = plan.target.base_url.rstrip("/")
    origin, _ = split_base_url(base_url)
    return UserRoute(base_url, origin, Connector(origin, plan.route), plan.limits)
