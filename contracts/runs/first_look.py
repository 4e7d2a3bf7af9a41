"""The first requests to a target, before it is judged: is this the API, and is the key accepted?

A wrong configuration (scheme, host, path, key, checkpoint) is reported as such. Defects of the list itself don't matter
here: an answer that may be meant as the list is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from contracts.core.model import KEY_REFUSED, Answer, Exchange, FailureKind
from contracts.core.wording import excerpt
from contracts.runs.recognition import START, error_of, is_html, is_no_page, json_of, may_be_the_list, one_line, title
from contracts.traffic.origin import split_base_url
from contracts.traffic.pacing import RunStopped
from contracts.traffic.protocol import first_bytes, speaks_tls

if TYPE_CHECKING:
    from contracts.probes.asking import Asking
    from contracts.runs.plan import Plan

_FINAL: Final = frozenset({FailureKind.REDIRECT, FailureKind.THROTTLED, FailureKind.UNREACHABLE})
"""Failures for which a retry makes no sense: the client has retried already."""
_MOST_TIMEOUTS: Final = 2
_PEEK_SECONDS: Final = 3.0
"""Seconds to wait for the first bytes that show the protocol of a port."""
FEW: Final = 8
"""The most requests for one question at another place, redirects and retries included."""
_USUAL_VERSION: Final = "/v1"
_SHOWN_BYTES: Final = 32
_SETTINGS_OF_HTTP_2: Final = re.compile(rb"\0\0[\0-\xff]\x04[\0\1]\0\0\0\0", re.DOTALL)
"""The frame with which a server begins a connection of HTTP/2."""
_PLAIN_HTTP: Final = re.compile(rb"plain http\b|\bhttp request\b[^.]{0,40}\bhttps\b")
"""How common servers answer plain HTTP where they expect TLS; a proxy may pass it on."""
_AMISS: Final = (
    (re.compile(r"^[\"'`<{[]|[\"'`>}\]]$"), "quotes or brackets are a part of it"),
    (re.compile(r"%[0-9A-Fa-f]{2}"), "it is given as it is, and not URL-encoded"),
    (re.compile(r"://"), "it is an id, and no URL"),
)
"""How a checkpoint looks that was hardly meant so."""


class Stage(StrEnum):
    """The part of the configuration that is wrong."""

    TARGET = "target"
    KEY = "key"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no list can be judged: ``seen`` completes a sentence that begins with the target, ``remedy`` is an order."""

    stage: Stage
    seen: str
    remedy: str
    requests: int = 0
    """How many requests went to other places of the origin, beside those of the run's client."""

    def sentence(self, base_url: str) -> str:
        """The sentence for the user."""
        return f"{base_url} {self.seen}: {self.remedy}."


def obstacle(asking: Asking, plan: Plan) -> Obstacle | None:
    """What stands in the way of judging the list that was just looked at; ``None`` if it can be judged.

    It asks a few more requests where no answer until now was one of a list, and none otherwise.

    Raises:
        ShareSpent: Nothing more may be asked.
        RunStopped: Nothing more can be asked.
    """
    found, says = _FirstLook(asking, plan).obstacle(), plan.operation.says
    return None if found is None else replace(found, seen=says(found.seen), remedy=says(found.remedy))


class _FirstLook:
    def __init__(self, asking: Asking, plan: Plan) -> None:
        self._asking = asking
        self._plan = plan
        self._url = plan.target.base_url
        self._seconds = min(plan.limits.connect, _PEEK_SECONDS)
        route = plan.route
        self._straight = route.proxy is None and not route.addresses and route.certificate is None
        """Whether the port can be looked at by itself: only where nothing stands between."""
        self._elsewhere = 0

    def obstacle(self) -> Obstacle | None:
        found = self._found()
        return None if found is None else replace(found, requests=self._elsewhere)

    def _found(self) -> Obstacle | None:
        last: Exchange | None = None
        timeouts = 0
        for last in self._asked():
            if may_be_the_list(last, self._plan.operation.page_properties):
                return None
            kind = last.failure.kind if last.failure is not None else None
            timeouts += kind is FailureKind.TIMEOUT
            if last.status in KEY_REFUSED or kind in _FINAL or timeouts == _MOST_TIMEOUTS:
                break
        if last is None:
            return None
        if last.failure is not None:
            return self._failed(last, last.failure.kind, last.failure.text)
        if last.answer is None or (is_no_page(last.answer) and self._key_matters()):
            return None
        return self._perhaps_by_proxy(self._answered(last, last.answer))

    def _perhaps_by_proxy(self, found: Obstacle | None) -> Obstacle | None:
        """The same, with a word on a proxy that reads requests, and may have answered itself."""
        proxy = self._plan.route.proxy
        if found is None or proxy is None or not proxy.forwards or self._url.lower().startswith("https:"):
            return found
        asking = f"{found.remedy}; if it is {proxy.name} that answers so, ask without it by --no-proxy"
        return replace(found, remedy=asking)

    def _asked(self) -> Iterator[Exchange]:
        """What was asked until now, and a few more requests: one failure in a row of right answers is no obstacle."""
        yield from tuple(self._asking.client.exchanges)
        for limit in (None, 1, None):
            yield self._asking.ask(self._asking.query(limit=limit))

    def _key_matters(self) -> bool:
        """Whether who has no key is refused: then the API is there, and what it does with the list is judged."""
        return self._asking.ask(self._asking.query(), credential="none").status in KEY_REFUSED

    # Without an answer

    def _failed(self, exchange: Exchange, kind: FailureKind, text: str) -> Obstacle | None:
        if kind is FailureKind.UNREACHABLE:
            return self._unreachable(text.partition(": ")[2] or text)
        if kind is FailureKind.REDIRECT:
            return None if self._key_matters() else self._redirected(exchange, text)
        if kind is FailureKind.THROTTLED:
            seen = f"lets no request through: {text}"
            return Obstacle(Stage.TARGET, seen, "give a slower --rate, or try again later")
        if self._url.lower().startswith("http:") and self._speaks_tls():
            return self._tls()
        if kind is not FailureKind.TIMEOUT:
            return self._not_http(exchange, text)
        return Obstacle(Stage.TARGET, f"gives no answer: {text}", "check host and port, and look at the target's log")

    def _unreachable(self, reason: str) -> Obstacle:
        reason, _, remedy = reason.partition(": ")
        if remedy:
            pass
        elif "the proxy" in reason:
            remedy = "check the proxy, or ask without it by --no-proxy"
        elif "no TLS" in reason and self._first_bytes(_with_scheme("http", self._url), "/").startswith(b"HTTP/"):
            remedy = f"it speaks plain HTTP there, so give --base-url {_with_scheme('http', self._url)}"
        elif "name" in reason.lower():
            remedy = "check the host's name"
        else:
            remedy = "check host and port, and whether the target is running"
        return Obstacle(Stage.TARGET, f"can't be reached: {reason}", remedy)

    def _speaks_tls(self) -> bool:
        return self._straight and speaks_tls(self._url, self._seconds)

    def _first_bytes(self, url: str, target: str) -> bytes:
        if not self._straight:
            return b""
        try:
            self._asking.count()
        except RunStopped:
            return b""
        return first_bytes(url, target, self._seconds)

    def _tls(self) -> Obstacle:
        return Obstacle(
            Stage.TARGET,
            "begins with http://, and that port speaks TLS",
            f"give --base-url {_with_scheme('https', self._url)}",
        )

    def _not_http(self, exchange: Exchange, text: str) -> Obstacle | None:
        first = self._first_bytes(self._url, split_base_url(self._url)[1] + exchange.request.target)
        if first[:5] and b"HTTP/".startswith(first[:5]):
            return None  # it speaks HTTP, and wrongly: that is judged
        if _SETTINGS_OF_HTTP_2.match(first):
            return Obstacle(Stage.TARGET, "speaks HTTP/2 only, as gRPC does", "give the port that speaks HTTP/1.1")
        if first:
            shown = repr(first[:_SHOWN_BYTES])[1:]
            more = "…" if len(first) > _SHOWN_BYTES else ""
            return Obstacle(Stage.TARGET, f"does not speak HTTP; it sends {shown}{more}", "check host and port")
        remedy = (
            "check host and port, and whether a server runs behind them: a proxy or a container may take connections"
        )
        if (
            self._url.lower().startswith("https:")
            and exchange.failure is not None
            and exchange.failure.kind is FailureKind.CUT
        ):
            # Not every server says so before it closes the connection.
            own = self._plan.route.certificate is not None
            remedy = (
                "it may not accept the certificate of --client-cert"
                if own
                else "it may want a certificate of this side (--client-cert)"
            )
        return Obstacle(Stage.TARGET, f"answers no request: {text}", remedy)

    def _redirected(self, exchange: Exchange, text: str) -> Obstacle:
        location = (exchange.answer.header("location") if exchange.answer is not None else None) or ""
        asked = exchange.request.target
        target = asked.partition("?")[0]
        base = None
        with suppress(ValueError):  # what is no URL leads to no API
            if urlsplit(location).path.rstrip("/").endswith(target):
                with_path = urljoin(self._url, location)
                base = with_path[: with_path.rindex(target)]
        if base is not None:
            remedy = f"if that is the API, give --base-url {excerpt(base)}"
        else:
            remedy = "give the --base-url of the API itself, behind any login or gateway"
        return Obstacle(Stage.TARGET, f"redirects: {text}", remedy)

    # With an answer

    def _answered(self, exchange: Exchange, answer: Answer) -> Obstacle | None:
        if self._url.lower().startswith("http:") and exchange.refused and self._for_tls(answer):
            return self._tls()
        if exchange.refused and answer.status not in {*KEY_REFUSED, 404} and self._colon_matters():
            return None
        said = self._said(answer)
        base = self._other_base(exchange)
        if base is not None:
            return Obstacle(
                Stage.TARGET,
                f"answers {said}, and the API seems to begin at {base}",
                f"give --base-url {base}",
            )
        if answer.status in KEY_REFUSED:
            where = "check OPENAI_ADMIN_KEY (or --key-file, --key-command), or whether the key has admin rights"
            return Obstacle(Stage.KEY, f"refuses the admin key with {said}", where)
        if answer.status == HTTPStatus.NOT_FOUND:
            return self._unknown(answer, said)
        if answer.status // 100 == HTTPStatus.OK // 100:
            remedy = "give the --base-url of the API itself, behind any login or gateway"
        elif self._url.lower().startswith("http:") and _PLAIN_HTTP.search(answer.body[:START].lower()):
            remedy = f"try --base-url {_with_scheme('https', self._url)}"
        elif exchange.failed:
            remedy = "look at the target's log, or try again later"
        else:
            remedy = "check --base-url and --checkpoint"
        return Obstacle(Stage.TARGET, f"answers every request for the list with {said}", remedy)

    def _for_tls(self, answer: Answer) -> bool:
        """Whether a refusal is that of a server that expects TLS."""
        text = answer.body[:4096].decode("latin-1").lower()
        named = ("https" in text or "tls" in text or "ssl" in text) and answer.status not in KEY_REFUSED
        return (named or answer.status == HTTPStatus.BAD_REQUEST) and self._speaks_tls()

    def _unknown(self, answer: Answer, said: str) -> Obstacle:
        name = self._plan.target.checkpoint
        if self._colon_matters():
            return Obstacle(
                Stage.CHECKPOINT,
                f"knows the checkpoint {name!r} only with its colons as %3A, and answers 404 when they are sent as the"
                " official clients send them",
                "fix that first (SCO-004)",
            )
        ends = f"whether the base URL ends where {self._plan.operation.path_template.partition('{')[0]} begins"
        if error_of(answer) is None:
            return Obstacle(Stage.CHECKPOINT, f"answers {said}", f"check {ends}, and --checkpoint")
        amiss = next((what for form, what in _AMISS if form.search(name)), "")
        return Obstacle(
            Stage.CHECKPOINT,
            f"does not know the checkpoint {name!r} ({said})",
            f"check --checkpoint{f' ({amiss})' if amiss else ''}, and {ends}",
        )

    def _colon_matters(self) -> bool:
        """Whether the list is there once the colons of the checkpoint are sent as %3A."""
        name = self._plan.target.checkpoint
        return ":" in name and self._asking.ask(self._asking.query(), encode_colon=True).ok

    def _said(self, answer: Answer) -> str:
        """An answer in a few words: its status, and what it says of itself."""
        if is_html(answer):
            shown = one_line(title(answer))
            return f"{answer.status} and an HTML page" + (f", “{shown}”" if shown else "")
        text = error_of(answer)
        if text is None or (not text and answer.status // 100 == HTTPStatus.OK // 100):
            text = answer.body[:400].decode("utf-8", "replace")
        return f"{answer.status}" + (f", “{one_line(text)}”" if text.strip() else "")

    # Where the API may be instead

    def _other_base(self, exchange: Exchange) -> str | None:
        """Another base URL of this origin at which there is a list, or JSON that asks for another key."""
        origin, _ = split_base_url(self._url)
        for prefix in self._other_prefixes():
            base = f"{origin}{prefix}"
            try:
                found = self._ask_at(base)
            except RunStopped:
                continue
            page = self._asking.reader.page(found, self._asking.query())
            asks_for_key = found.status in KEY_REFUSED and exchange.status not in KEY_REFUSED
            if page is not None or (asks_for_key and found.answer is not None and json_of(found.answer) is not None):
                return base
        return None

    def _other_prefixes(self) -> list[str]:
        """The paths with which people confuse that of the base URL, the likeliest first."""
        _, prefix = split_base_url(self._url)
        servers = self._plan.operation.document.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else None
        url = first.get("url") if isinstance(first, dict) else None
        version = ""
        with suppress(ValueError):
            version = urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
        version = version or _USUAL_VERSION
        step = "/" + self._plan.operation.path_template.split("/")[1]
        stem = f"{prefix}/".partition(f"{step}/")[0].rstrip("/")
        found = [stem] if stem != prefix else []
        if stem.endswith(version):
            found.append(stem.removesuffix(version))
        else:
            found += [stem + version, version]
        return [each for each in dict.fromkeys(found) if each != prefix]

    def _ask_at(self, base_url: str) -> Exchange:
        with self._plan.client(FEW, base_url=base_url) as client:
            try:
                return client.send(self._plan.operation.request(self._asking.query()), probe="first look")
            finally:
                self._elsewhere += client.requests


def _with_scheme(scheme: str, url: str) -> str:
    return f"{scheme}{url[url.index(':') :]}"
