"""Locust's client as users under load have it: its connections are those of the one client of this suite."""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastHttpSession, FastResponse

from contracts.runs.load.route import NoConnection, UserRoute
from contracts.traffic.connecting import UnreachableError
from contracts.traffic.decoding import Decoder, TooLargeError, UndecodableError
from contracts.traffic.limits import Limits

_BLOCK = 65536
_CONNECTIONS = 2
"""The most connections of a user: for its own request, and for a look at the list."""


class UserSession(FastHttpSession):
    """Sends the requests of a user as the one client of this suite does.

    The route and the limits are those of a check; no cookie is sent, and a redirect is an answer. A request to another
    host than the target's goes Locust's way.

    Args:
        route: The way to the target.
        request_event: Locust's, which gets each request.
        user: Who asks; ``None`` for looks at the list, which are no user's.
    """

    def __init__(self, route: UserRoute, request_event: Any, user: Any = None) -> None:
        pool = HTTPClientPool()
        url = URL(route.base_url)
        pool.clients[url.host, url.port] = _Client(route)
        super().__init__(route.base_url, request_event, user, client_pool=pool, insecure=False, max_redirects=0)
        agent: Any = self.client
        agent.cookiejar = None
        agent.response_type = partial(_Response, limits=route.limits)
        self._seconds = route.limits.answer

    def request(self, *words: Any, **more: Any) -> Any:
        """As of Locust; a whole answer has one deadline."""
        with gevent.Timeout(self._seconds, TimeoutError("no complete answer in time")):
            return super().request(*words, **more)


class _Response(FastResponse):
    """An answer whose body is decoded as the one client of this suite decodes it, within the same limits.

    ``flaw`` is that of `contracts.core.model.Answer`.
    """

    flaw: str | None = None

    def __init__(self, *words: Any, limits: Limits, **more: Any) -> None:
        super().__init__(*words, **more)
        self._limits = limits

    def _content(self) -> bytes:
        body, most, headers, response = bytearray(), self._limits.body, self.headers, self._response
        assert headers is not None and response is not None  # noqa: S101, PT018 - for the checker of types
        try:
            decoder = Decoder(",".join(headers.getlist("content-encoding")), most)
            while len(body) <= most and (data := response.read(_BLOCK)):
                for piece in decoder.feed(bytes(data)):
                    body += piece
            decoder.end()
        except UndecodableError as error:
            self.flaw = str(error)
        except TooLargeError:
            body += bytes(most)
        if len(body) > most:
            self.flaw = f"larger than {most} bytes"
            del body[self._limits.kept :]
        self.release()
        return bytes(body)


class _Client(HTTPClient):
    def __init__(self, route: UserRoute) -> None:
        super().__init__(route.origin.host, route.origin.port)
        self.use_proxy = bool(route.connector.prefix)  # then it sends the whole URL in a request line
        self._connection_pool = _Connections(route)
        self._connector = route.connector

    def request(self, *words: Any, **more: Any) -> Any:
        response = super().request(*words, **more)
        try:
            self._connector.check(response.get_code())
        except UnreachableError as error:
            raise NoConnection(str(error)) from None
        return response


class _Connections(ConnectionPool):
    def __init__(self, route: UserRoute) -> None:
        host, port = route.origin.host, route.origin.port
        super().__init__(host, port, host, port, size=_CONNECTIONS)
        self._route = route

    def _create_socket(self) -> Any:
        limits = self._route.limits
        try:
            stream = self._route.connector.open(limits.connect)
        except UnreachableError as error:
            raise NoConnection(str(error)) from None
        stream.settimeout(limits.read)
        return stream
