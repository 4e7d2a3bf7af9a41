"""What stands between: proxies, authorities, certificates of this side, headers of a gateway, addresses."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import trustme
from canary import ADMIN
from commanding import choose_nothing, run
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hostile import Reply, Target, ending, ok, waiting

from contracts.core.errors import ConfigurationError
from contracts.core.model import Exchange, FailureKind, Request
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.settings.choosing import choose
from contracts.traffic.client import Client, TargetGone
from contracts.traffic.keys import Keys, Secret
from contracts.traffic.limits import Limits
from contracts.traffic.route import (
    Header,
    Route,
    address_of,
    authorities_of_environment,
    proxy_of,
    proxy_of_environment,
)

PASSWORD = "Zwiebelkuchen-77"
KEYS = Keys.of(ADMIN)
LIST = Request("/permissions")
LIMITS = Limits(tries=1, pause=0.0, connect=10.0)


@contextmanager
def proxy(login: str = "", scheme: str = "http", *words: str) -> Iterator[int]:
    """A real proxy for HTTP and SOCKS5 on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"{scheme}://127.0.0.1:{port}" + (f"#{login}" if login else "")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "pproxy", "-l", address, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            for _ in range(1000):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            yield port
        finally:
            process.kill()


@dataclass
class Papers:
    """An authority, and what it signed; ``strange`` is signed by another one."""

    authority: Path
    server: Path
    client: Path
    strange: Path
    expired: Path
    elsewhere: Path
    locked: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    found = Papers(*(folder / f"{each.name}.pem" for each in fields(Papers)))
    authority.cert_pem.write_to_path(str(found.authority))
    for issuer, names, until, file in (
        (authority, ("localhost", "127.0.0.1"), None, found.server),
        (authority, ("me",), None, found.client),
        (stranger, ("me",), None, found.strange),
        (authority, ("localhost", "127.0.0.1"), datetime(2020, 1, 1, tzinfo=UTC), found.expired),
        (authority, ("other.example",), None, found.elsewhere),
    ):
        issuer.issue_cert(*names, not_after=until).private_key_and_cert_chain_pem.write_to_path(str(file))
    locked = BestAvailableEncryption(b"a passphrase")
    key = load_pem_private_key(found.client.read_bytes(), None)
    found.locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return found


class Secure(Target):
    """A target that speaks TLS, and may want a certificate."""

    def __init__(self, papers: Papers, *, wants: bool = False, certificate: Path | None = None) -> None:
        super().__init__(ok(b"secure"))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate or papers.server)
        if wants:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(papers.authority)

    @property
    def base_url(self) -> str:
        return super().base_url.replace("http:", "https:")

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            super()._serve(self._context.wrap_socket(sock, server_side=True))


def asked(base_url: str, route: Route, times: int = 2) -> Exchange:
    """The last of some exchanges."""
    with Client(base_url, KEYS, budget=9, seed=1, limits=LIMITS, route=route) as client:
        return [client.send(LIST, probe="p") for _ in range(times)][-1]


def refusal(exchange: Exchange) -> str:
    """What is said of a target that can't be reached."""
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.UNREACHABLE
    assert PASSWORD not in exchange.failure.text
    return exchange.failure.text


# Proxies


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h", "https"])
@pytest.mark.parametrize("secure", ["", "secure"])
def test_a_proxy_that_wants_credentials_lets_a_run_through(scheme: str, secure: str, papers: Papers) -> None:
    words = ("--ssl", str(papers.server)) if scheme == "https" else ()
    kind = {"https": "http+ssl", "socks5h": "socks5"}.get(scheme, scheme)
    with proxy(f"me:{PASSWORD}", kind, *words) as port, Secure(papers) if secure else Target(ok(b"plain")) as target:
        route = Route(
            proxy=proxy_of(f"{scheme}://me:{PASSWORD}@127.0.0.1:{port}", "--proxy"), authorities=papers.authority
        )
        exchange = asked(target.base_url, route)
    assert exchange.answer is not None, exchange.failure
    assert exchange.answer.body == (b"secure" if secure else b"plain")
    assert len(target.asked) == 2
    assert all(PASSWORD.encode() not in each and b"Proxy-Auth" not in each for each in target.asked if secure)


@pytest.mark.parametrize(
    ("login", "said"),
    [("", r"wants credentials \(407\): write them into its URL"), ("me:wrong@", r"refuses the credentials in its URL")],
)
@pytest.mark.parametrize("url", ["http://target.example/v1", "https://target.example/v1"])
def test_credentials_that_a_proxy_lacks_are_reported(login: str, said: str, url: str) -> None:
    reply = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    with Target(reply) as gateway:
        route = Route(proxy=proxy_of(f"http://{login}127.0.0.1:{gateway.port}", "HTTPS_PROXY"))
        text = refusal(asked(url, route, 1))
    assert re.search(said, text)
    assert f"the proxy http://127.0.0.1:{gateway.port} (HTTPS_PROXY)" in text
    assert all(KEYS.admin.reveal().encode() not in head for head in gateway.asked if b"CONNECT" in head)


def test_wrong_credentials_for_socks_are_reported() -> None:
    with proxy(f"me:{PASSWORD}", "socks5") as port:
        text = refusal(
            asked("http://127.0.0.1:9/v1", Route(proxy=proxy_of(f"socks5://me:no@127.0.0.1:{port}", "x")), 1)
        )
    assert "the proxy socks5://127.0.0.1" in text
    assert "it may want other credentials in its URL" in text


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "gives no connection to it: it answers 403"),
        (b"220 smtp ready\r\n\r\n", "does not answer in HTTP"),
        (ending(), "does not answer in HTTP"),
        (waiting(b"HTTP/1.1 "), "does not answer in time"),
    ],
)
def test_what_a_proxy_answers_is_reported(reply: Reply, said: str) -> None:
    with Target(reply) as gateway:
        route = Route(proxy=proxy_of(f"127.0.0.1:{gateway.port}", "--proxy"))
        with Client(
            "https://target.example", KEYS, budget=9, seed=1, limits=replace(LIMITS, connect=0.5), route=route
        ) as client:
            assert said in refusal(client.send(LIST, probe="p"))


def test_a_tunnel_whose_reply_comes_in_pieces_is_one(papers: Papers) -> None:
    with Secure(papers) as target, socket.create_server(("127.0.0.1", 0)) as listener:

        def tunnel() -> None:
            inner, _ = listener.accept()
            with inner, socket.create_connection(("127.0.0.1", target.port)) as outer:
                while not inner.recv(65536).endswith(b"\r\n\r\n"):
                    pass
                for piece in (b"HTTP/1.1 2", b"00 Connection established\r\nVia: a", b" proxy\r\n\r\n"):
                    inner.sendall(piece)
                    time.sleep(0.02)
                back = threading.Thread(target=pump, args=(outer, inner))
                back.start()
                pump(inner, outer)
                back.join(5)

        thread = threading.Thread(target=tunnel)
        thread.start()
        proxied = proxy_of(f"http://127.0.0.1:{listener.getsockname()[1]}", "--proxy")
        exchange = asked(target.base_url, Route(proxy=proxied, authorities=papers.authority))
        thread.join(5)
    assert exchange.answer is not None, exchange.failure


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (b"", r"no TLS through the proxy \S+ \(HTTPS_PROXY\) \("),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", r"the proxy \S+ \(HTTPS_PROXY\) answers in place of the target"),
    ],
)
def test_what_a_proxy_does_to_a_tunnel_is_reported_of_the_proxy(after: bytes, said: str) -> None:
    with Target(ending(b"HTTP/1.1 200 Connection established\r\n\r\n" + after)) as gateway:
        route = Route(proxy=proxy_of(f"127.0.0.1:{gateway.port}", "HTTPS_PROXY"))
        assert re.search(said, refusal(asked("https://target.example/v1", route, 1)))


def test_a_proxy_that_refuses_only_later_ends_the_run() -> None:
    refuses = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    with Target(ok(), ok(), refuses) as gateway:
        route = Route(proxy=proxy_of(f"http://me:{PASSWORD}@127.0.0.1:{gateway.port}", "HTTP_PROXY"))
        with Client("http://target.example/v1", KEYS, budget=20, seed=1, limits=LIMITS, route=route) as client:
            with pytest.raises(TargetGone, match=r"\(HTTP_PROXY\) refuses the credentials in its URL \(407\)"):
                list(map(partial(client.send, probe="p"), [LIST] * 20))
            assert 2 < len(client.exchanges) < 10


def test_one_refusal_of_a_proxy_ends_no_run() -> None:
    refuses = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    with Target(ok(), refuses, ok()) as gateway:
        route = Route(proxy=proxy_of(f"127.0.0.1:{gateway.port}", "HTTP_PROXY"))
        with Client("http://target.example/v1", KEYS, budget=20, seed=1, limits=LIMITS, route=route) as client:
            assert [client.send(LIST, probe="p").status for _ in range(4)] == [200, None, 200, 200]


def test_a_proxy_that_is_not_there_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for scheme in ("http", "socks5"):
        exchange = asked("http://127.0.0.1:9/v1", Route(proxy=proxy_of(f"{scheme}://127.0.0.1:{port}", "ALL_PROXY")), 1)
        assert "can't be connected to" in refusal(exchange)


def test_a_proxy_for_http_gets_the_address_of_the_target_and_its_own_password() -> None:
    with Target(ok(b"{}")) as gateway:
        route = Route(proxy=proxy_of(f"http://me:{PASSWORD}@127.0.0.1:{gateway.port}", "http_proxy"))
        assert asked("http://target.example/v1", route, 1).status == 200
    assert gateway.asked[0].startswith(b"GET http://target.example/v1/permissions HTTP/1.1\r\nHost: target.example\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(f"me:{PASSWORD}".encode()) in gateway.asked[0]


def test_a_proxy_that_is_the_target_gets_no_connect() -> None:
    with pytest.raises(ConfigurationError, match="is the target itself"):
        Client("https://127.0.0.1:9", KEYS, budget=9, seed=1, route=Route(proxy=proxy_of("127.0.0.1:9", "HTTPS_PROXY")))


P = "http://user:pass@proxy:3128"


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        ("https://h", {"HTTPS_PROXY": P}, "HTTPS_PROXY"),
        ("https://h", {"https_proxy": P, "HTTPS_PROXY": "x"}, "https_proxy"),
        ("https://h", {"HTTP_PROXY": P}, None),
        ("http://h", {"HTTP_PROXY": P}, "HTTP_PROXY"),
        ("http://h", {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, None),
        ("http://h", {"ALL_PROXY": P, "HTTPS_PROXY": "x"}, "ALL_PROXY"),
        ("http://127.0.0.1:8000", {"HTTP_PROXY": P}, "HTTP_PROXY"),
        ("http://127.0.0.1:8000", {"HTTP_PROXY": P, "NO_PROXY": "127.0.0.0/8"}, None),
        ("http://localhost:8000", {"HTTP_PROXY": P, "NO_PROXY": "localhost"}, None),
        ("http://[::1]:8000", {"HTTP_PROXY": P, "NO_PROXY": "::1"}, None),
        ("https://api.example.com", {"HTTPS_PROXY": P, "NO_PROXY": ".example.com"}, None),
        ("https://api.example.com", {"HTTPS_PROXY": P, "no_proxy": "a, example.com"}, None),
        ("https://badexample.com", {"HTTPS_PROXY": P, "NO_PROXY": ".example.com"}, "HTTPS_PROXY"),
        ("https://h", {"HTTPS_PROXY": P, "NO_PROXY": "*"}, None),
        ("https://a.example", {"HTTPS_PROXY": P, "NO_PROXY": "b c.example a.example"}, None),
        ("https://a.example", {"HTTPS_PROXY": P, "NO_PROXY": "A.Example."}, None),
        ("https://a.example", {"HTTPS_PROXY": P, "NO_PROXY": "example:443"}, None),
        ("https://a.example", {"HTTPS_PROXY": P, "NO_PROXY": ".example:444"}, "HTTPS_PROXY"),
        ("https://a.example", {"HTTPS_PROXY": P, "NO_PROXY": ", .,x"}, "HTTPS_PROXY"),
        ("http://10.1.2.3:81", {"HTTP_PROXY": P, "NO_PROXY": "10.1.2.3:81"}, None),
        ("http://10.1.2.3", {"HTTP_PROXY": P, "NO_PROXY": "3,.3,2.3,10.*,10.1"}, "HTTP_PROXY"),
        ("http://[fd00::1]", {"HTTP_PROXY": P, "NO_PROXY": "fd00::/8"}, None),
        ("http://[fd00::1]", {"HTTP_PROXY": P, "NO_PROXY": "10.0.0.0/8,[fd00:0::1]:80"}, None),
        ("http://[fd00::1]", {"HTTP_PROXY": P, "NO_PROXY": "[fd00::1]:81,::1"}, "HTTP_PROXY"),
        ("https://h", {"HTTPS_PROXY": "  "}, None),
    ],
)
def test_the_environment_names_a_proxy(url: str, environ: dict[str, str], found: str | None) -> None:
    proxied = proxy_of_environment(url, environ)
    assert (None if proxied is None else proxied.source) == found


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "http://h:x", "http://h:70000", "h h", "http://h/path", "http://ü"]
)
def test_what_is_no_proxy_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        choose({"base_url": "http://h", "checkpoint": "c", "proxy": url.replace("//", f"//me:{PASSWORD}@")}, {})
    assert str(refused.value).startswith("--proxy is no ")
    assert PASSWORD not in str(refused.value)


def test_a_file_holds_no_password_of_a_proxy(tmp_path: Path) -> None:
    file = tmp_path / "contracts.toml"
    file.write_text(f'base-url = "http://h"\ncheckpoint = "c"\nproxy = "http://me:{PASSWORD}@h:1"\n')
    with pytest.raises(ConfigurationError, match="holds a password") as refused:
        choose({"config": str(file)}, {})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h", "socks4"])
def test_a_proxy_is_shown_without_its_password(scheme: str) -> None:
    found = proxy_of(f"{scheme}://me:{PASSWORD}@h", "--proxy")
    assert not any(
        PASSWORD in text for text in (str(found), repr(found), found.name, *Route(proxy=found).curl("https://host"))
    )
    assert found.login == (Secret("me"), Secret(PASSWORD))


# TLS


@pytest.mark.parametrize(
    ("certificate", "bundle", "said"),
    [
        ("expired", True, "certificate has expired): renew it on that side, or check the clock of this machine"),
        ("elsewhere", True, "not valid for '127.0.0.1'): give the host by the name that the certificate has"),
        ("server", False, "trust a private authority with --ca-bundle"),
        ("strange", True, "SSL_CERT_FILE does not hold the authority that signed it"),
    ],
)
def test_why_a_certificate_is_refused_is_reported(certificate: str, bundle: bool, said: str, papers: Papers) -> None:
    with Secure(papers, certificate=getattr(papers, certificate)) as target:
        route = Route(authorities=papers.authority if bundle else None, authorities_source="SSL_CERT_FILE")
        text = refusal(asked(target.base_url, route, 1))
    assert "its certificate is refused (" in text
    assert said in text


def test_a_certificate_of_this_side_opens_a_target_that_wants_one(papers: Papers) -> None:
    with Secure(papers, wants=True) as target:
        exchange = asked(target.base_url, Route(authorities=papers.authority, certificate=papers.client))
    assert exchange.answer is not None, exchange.failure


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "wants a certificate of this side: name one with --client-cert"),
        ("strange", "it does not accept the certificate of --client-cert (tlsv1 alert unknown ca): give one that"),
        ("expired", "it does not accept the certificate of --client-cert (sslv3 alert certificate expired): give one"),
    ],
)
def test_a_target_that_wants_a_certificate_says_so(given: str, said: str, papers: Papers) -> None:
    with Secure(papers, wants=True) as target:
        certificate = getattr(papers, given) if given else None
        text = refusal(asked(target.base_url, Route(authorities=papers.authority, certificate=certificate), 1))
    assert said in text


@pytest.mark.parametrize(
    ("given", "said"), [("", "it may want a certificate of this side"), ("client", "it may not accept the certificate")]
)
def test_a_target_that_closes_each_connection_once_tls_stands_may_want_a_certificate(
    given: str, said: str, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_nothing(monkeypatch)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEYS.admin.reveal())
    words = ["--client-cert", str(papers.client)] if given else []
    with Secure(papers) as target:
        target.replies = (ending(),)
        done = run(
            "check", "--base-url", target.base_url, "--checkpoint", "c", "--ca-bundle", str(papers.authority), *words
        )
    assert done.exit_code == 4
    assert said in done.output


def test_files_that_are_no_certificates_are_reported(papers: Papers, tmp_path: Path) -> None:
    odd = tmp_path / "odd.pem"
    odd.write_text("no certificate")
    for route, said in (
        (Route(authorities=odd, authorities_source="SSL_CERT_FILE"), "no file of certificates"),
        (Route(certificate=odd), "holds no certificate and key"),
        (Route(certificate=papers.client, certificate_key=papers.strange), "is not the key of --client-cert"),
        (Route(certificate=papers.client, certificate_key=papers.locked), "has a passphrase: give one that has none"),
        (Route(certificate=tmp_path / "none"), "can't be read"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Client("https://h", KEYS, budget=1, seed=1, route=route)


def test_the_environment_names_authorities(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE names a file of authorities that is not there"):
        authorities_of_environment({"REQUESTS_CA_BUNDLE": str(file)})
    file.touch()
    assert authorities_of_environment({"SSL_CERT_FILE": str(file)}) == (file, "SSL_CERT_FILE")
    assert authorities_of_environment({"SSL_CERT_FILE": " "}) is None


# Headers and addresses


def test_headers_of_a_gateway_go_to_strangers_as_well() -> None:
    headers = (Header("OpenAI-Organization", Secret("org-1")), Header("CF-Access", Secret(PASSWORD), "$CF"))
    route = Route(headers=headers)
    with Target(ok()) as target, Client(target.base_url, KEYS, budget=9, seed=1, route=route) as client:
        client.send(LIST, probe="p")
        client.send(replace(LIST, credential="none"), probe="p")
    for head in target.asked:
        assert b"\r\nOpenAI-Organization: org-1\r\n" in head
        assert b"\r\nCF-Access: Zwiebelkuchen-77\r\n" in head
    assert b"Authorization" not in target.asked[1]
    assert route.curl("https://host/v1") == ("-H 'OpenAI-Organization: org-1'", '-H "CF-Access: $CF"')
    assert route.secrets == (("header-cf-access", Secret(PASSWORD)),)


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "HOST", "Accept", "accept-encoding", "Content-Length", "If-Match", "TE", "Range"),
        *("Transfer-Encoding", "Cache-Control", "User-Agent", "Proxy-Authorization"),
    ],
)
def test_headers_that_the_suite_decides_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"can't be given: it|can't be given: \w+ "):
        choose({"base_url": "http://h", "checkpoint": "c", "header": (f"{name}: x",)}, {})


@pytest.mark.parametrize("word", ["no colon", "a b: c", "x:", "x: \x07", "x: ключ", ": v", "X: 1\nx: 2"])
def test_what_is_no_header_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError):
        choose({"base_url": "http://h", "checkpoint": "c", "header": (word, "A: b")}, {})
    with pytest.raises(ConfigurationError):
        choose({"base_url": "http://h", "checkpoint": "c", "secret_header": (word,)}, {})


def test_an_address_is_asked_in_place_of_a_name() -> None:
    with Target(ok()) as target:
        route = Route(addresses=(address_of(f"Permissions.Example:{target.port}:127.0.0.1"),))
        assert asked(f"http://permissions.example:{target.port}/v1", route).status == 200
    assert f"Host: permissions.example:{target.port}\r\n".encode() in target.asked[0]


@pytest.mark.parametrize(
    "word", ["h:80", "h:0:127.0.0.1", "h:99999:127.0.0.1", "h:80:name", "h:80:127.0.0.1,", "h h:80:::1"]
)
def test_what_is_no_address_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"is no HOST|names no IP"):
        address_of(word)


def test_addresses_are_written_as_curl_reads_them() -> None:
    for word in ("h:80:127.0.0.1", "h:443:[::1],127.0.0.1", "*:80:127.0.0.1", "[::1]:80:127.0.0.1"):
        assert str(address_of(word)) == word


def test_the_last_address_of_a_host_counts_as_for_curl() -> None:
    words = ("h:80:127.0.0.9", "*:80:127.0.0.2", "H:80:127.0.0.1", "[0:0::1]:80:127.0.0.3", "h:81:127.0.0.4")
    route = Route(addresses=tuple(map(address_of, words)))
    found = [route.addresses_of(host, port) for host, port in (("h", 80), ("i", 80), ("::1", 80), ("h", 81), ("h", 82))]
    assert found == [("127.0.0.1",), ("127.0.0.2",), ("127.0.0.3",), ("127.0.0.4",), ()]


@pytest.mark.parametrize(("scheme", "refused"), [("http", True), ("socks5h", True), ("socks5", False)])
def test_an_address_that_a_proxy_would_not_use_is_refused(scheme: str, refused: bool) -> None:
    for word, matters in (("h:80:127.0.0.1", True), ("other:80:127.0.0.1", False)):
        route = Route(proxy=proxy_of(f"{scheme}://127.0.0.1:9", "HTTP_PROXY"), addresses=(address_of(word),))
        told = pytest.raises(ConfigurationError, match=r"--resolve can't say where h is: the proxy \S+ \(HTTP_PROXY\)")
        with told if refused and matters else nullcontext():
            Client("http://h/v1", KEYS, budget=9, seed=1, route=route).close()


def test_headers_of_a_gateway_don_t_follow_a_redirect_to_another_port() -> None:
    route = Route(headers=(Header("CF-Access", Secret(PASSWORD), "$CF"),))
    with Target(ok()) as other:
        location = f"Location: {other.base_url}/permissions".encode()
        with Target(ok(b"", location, status=b"307 Temporary Redirect")) as target:
            exchange = asked(target.base_url, route, 1)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.REDIRECT
    assert not other.asked


# Whole commands


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    choose_nothing(monkeypatch)
    with Server(seeded(size=12)) as running:
        monkeypatch.setenv("OPENAI_ADMIN_KEY", running.dataset.admin_key)
        yield running


def test_a_run_through_a_gateway_leaks_nothing_of_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATE", PASSWORD)
    (tmp_path / "token").write_text("Streuselschnecke-99\n")
    (tmp_path / "contracts.toml").write_text(
        'base-url = "http://127.0.0.1:{port}/v1"\ncheckpoint = "{checkpoint}"\n'
        'resolve = ["permissions.example:{port}:127.0.0.1"]\nheader = ["OpenAI-Organization: org-1"]\n'
        'secret-header = ["CF-Access=GATE"]\nsecret-header-file = ["X-Token=token"]\n'.format(
            port=server.base_url.rpartition(":")[2].partition("/")[0], checkpoint=server.dataset.checkpoint
        )
    )
    with proxy(f"me:{PASSWORD}") as port:
        monkeypatch.setenv("CONTRACTS_PROXY", f"http://me:{PASSWORD}@127.0.0.1:{port}")
        files = [tmp_path / name for name in ("r.html", "r.json", "r.xml", "r.har", "r.md")]
        options = ("--html", "--json", "--junit", "--record", "--markdown")
        words = [word for pair in zip(options, map(str, files), strict=True) for word in pair]
        done = run("check", "ENV-001", "--config", str(tmp_path / "contracts.toml"), "--verbose", *words)
    assert done.exit_code in {0, 6}, done.output
    for text in (done.output, *(file.read_text() for file in files)):
        assert PASSWORD not in text
        assert "Streusel" not in text
    assert '-x "$CONTRACTS_PROXY"' in files[0].read_text().replace("&#34;", '"').replace("&quot;", '"')


def test_a_refusal_that_may_be_of_the_proxy_names_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Target(ok(b"<html><title>Sign in</title>", status=b"403 Forbidden")) as gateway:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{gateway.port}")
        done = run("check", "--base-url", server.base_url, "--checkpoint", server.dataset.checkpoint)
    assert done.exit_code == 4
    assert (
        f"if it is the proxy http://127.0.0.1:{gateway.port} (HTTP_PROXY) that answers so, ask without" in done.output
    )


def test_the_embedded_server_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_nothing(monkeypatch)
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert run("doctor").exit_code == 0


def test_a_wrong_proxy_ends_a_run_with_one_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:9")
    done = run("check", "--base-url", server.base_url, "--checkpoint", server.dataset.checkpoint)
    assert done.exit_code == 4
    assert "the proxy http://127.0.0.1:9 (HTTP_PROXY) can't be connected to" in done.output
    assert PASSWORD not in done.output
    assert run(
        "check", "--no-proxy", "ENV-001", "--base-url", server.base_url, "--checkpoint", server.dataset.checkpoint
    ).exit_code in {0, 6}


# Under load


UNDER_LOAD = """
import json, sys
from types import SimpleNamespace
from contracts.plugins.locust_client import UserSession
from contracts.core.model import Request
from contracts.runs.load.route import route
from contracts.runs.target import described
from contracts.settings.choosing import choose

for given in json.load(sys.stdin):
    plan = described(choose({"checkpoint": "c", **given}, {})).plan()
    way = route(plan)
    session = UserSession(way, SimpleNamespace(fire=lambda **_: None))
    request = Request("/permissions")
    said = ""
    for _ in range(2):
        with session.request("GET", request.target, headers=way.headers(plan, request), catch_response=True) as answer:
            said = answer.text or str(answer.error)
            answer.success()
    print(json.dumps(said))
"""


@pytest.mark.skipif(find_spec("locust") is None, reason="tox -e load")
def test_users_under_load_go_the_same_way(papers: Papers, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("Streuselschnecke-99")
    trusting = {"ca_bundle": str(papers.authority)}
    refusing = Target(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    with (
        proxy(f"me:{PASSWORD}", "http+socks4+socks5") as many,
        proxy(f"me:{PASSWORD}", "http+ssl", "--ssl", str(papers.server)) as encrypted,
        Target(ok(b"plain")) as plain,
        Secure(papers) as secure,
        Secure(papers, wants=True) as wanting,
        refusing,
    ):
        ports = {"http": many, "socks5": many, "socks5h": many, "https": encrypted}
        cases: list[tuple[str, dict[str, object]]] = [
            (body, {"base_url": target.base_url, "proxy": f"{scheme}://me:{PASSWORD}@127.0.0.1:{port}", **trusting})
            for target, body in ((plain, "plain"), (secure, "secure"))
            for scheme, port in ports.items()
        ]
        address = f"permissions.example:{plain.port}"
        resolved = {"base_url": f"http://{address}/v1", "resolve": [f"{address}:127.0.0.1"]}
        through = {"proxy": f"http://me:{PASSWORD}@127.0.0.1:{refusing.port}"}
        cases += [
            ("plain", {**resolved, "secret_header_file": [f"X-Token={token}"]}),
            ("secure", {"base_url": secure.base_url, **trusting}),
            ("its certificate is refused", {"base_url": secure.base_url}),
            ("secure", {"base_url": wanting.base_url, **trusting, "client_cert": str(papers.client)}),
            ("", {"base_url": wanting.base_url, **trusting}),
            ("refuses the credentials in its URL (407)", {"base_url": plain.base_url, **through}),
            ("refuses the credentials in its URL (407)", {"base_url": secure.base_url, **through, **trusting}),
        ]
        done = subprocess.run(
            [sys.executable, "-c", UNDER_LOAD],
            input=json.dumps([given for _, given in cases]),
            env={"PATH": os.defpath, "OPENAI_ADMIN_KEY": KEYS.admin.reveal()},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert PASSWORD not in done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(cases), done.stderr
    for (wanted, given), said in zip(cases, done.stdout.splitlines(), strict=True):
        assert wanted in json.loads(said), given
        assert wanted == "secure" or "secure" not in said, given
    assert f"Host: {address}\r\n".encode() in plain.asked[-1]
    assert b"X-Token: Streuselschnecke-99\r\n" in plain.asked[-1]
    assert all(b"Proxy-Auth" not in head for head in (*secure.asked, *wanting.asked))
    assert all(KEYS.admin.reveal().encode() not in head for head in refusing.asked if b"CONNECT" in head)
