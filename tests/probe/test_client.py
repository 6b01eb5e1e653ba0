"""Every way to lose a request is counted as its own kind of failure, and as no other."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

import pytest

from orchestrator.probe.client import Connection, Manners, Request, blame
from orchestrator.probe.report import total
from orchestrator.probe.sample import Failure, Kind, Sample
from orchestrator.probe.target import parse
from tests.fakes.processes import eventually

from .certificates import NAME, Authority
from .patience import FAST, PATIENT, suited
from .server import Server, nobody, serving


def get(path: str, kind: Kind = Kind.keepalive) -> Request:
    return Request(kind, "GET", path)


def upload(path: str, size: int = 2000) -> Request:
    return Request(Kind.post, "POST", path, b"x" * size, size=size)


def ask(url: str, *requests: Request | Callable[[], object], manners: Manners | None = None) -> list[Sample]:
    """Send requests one after another on one connection. A function is waited for until it returns true."""
    manners = manners or suited(*requests)

    async def go() -> list[Sample]:
        connection = Connection(parse(url), manners)
        samples = []
        for request in requests:
            if isinstance(request, Request):
                samples.append(await connection.send(request))
            else:
                while not request():
                    await asyncio.sleep(0.01)
        connection.close()
        await asyncio.sleep(0)
        return samples

    return asyncio.run(go())


def check(samples: list[Sample], *failures: Failure | None) -> None:
    assert [sample.failure for sample in samples] == list(failures), [s.detail for s in samples]
    counted = total(samples).failures
    assert counted == {str(kind): failures.count(kind) for kind in set(failures) if kind}


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/", None),
        ("/chunked", None),
        ("/big", None),
        ("/302", None),
        ("/hangup-after", None),
        ("/unmarked", None),
        ("/reset", Failure.reset),
        ("/close", Failure.closed_fresh),
        ("/truncate", Failure.truncated),
        ("/truncate-head", Failure.truncated),
        ("/truncate-chunks", Failure.truncated),
        ("/500", Failure.status_5xx),
        ("/503", Failure.status_5xx),
        ("/404", Failure.status_other),
        ("/hang", Failure.timeout),
        ("/stall", Failure.timeout),
        ("/wrong-release", Failure.wrong_body),
        ("/wrong-color", Failure.wrong_body),
        ("/not-json", Failure.wrong_body),
        ("/extra", Failure.wrong_body),
        ("/garbage", Failure.other),
    ],
)
@pytest.mark.parametrize("kind", [Kind.keepalive, Kind.fresh])
def test_each_failure_on_a_new_connection_is_counted_as_itself(
    server: Server, path: str, failure: Failure | None, kind: Kind
) -> None:
    samples = ask(server.url, get(path, kind))
    check(samples, failure)
    assert len(server.seen) == 1, "it never retries"
    assert bool(samples[0].detail) == (failure is not None)


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/", None),
        ("/reset", Failure.reset),
        ("/close", Failure.closed),
        ("/truncate", Failure.truncated),
        ("/500", Failure.status_5xx),
        ("/hang", Failure.timeout),
    ],
)
def test_each_failure_on_a_reused_connection(server: Server, path: str, failure: Failure | None) -> None:
    check(ask(server.url, get("/"), get(path), get("/")), None, failure, None)
    assert len(server.seen) == 3, "it never retries"


def test_refused() -> None:
    with nobody() as url:
        samples = ask(url, get("/"))
        check(samples, Failure.refused)
        assert samples[0].first_byte is None
        assert samples[0].answered is None


def test_an_unknown_name_is_other() -> None:
    samples = ask("http://no-such-host.invalid", get("/"), manners=Manners(timeout=5))
    check(samples, Failure.other)
    assert "gaierror" in samples[0].detail


def test_keepalive_reuses_its_connection_and_fresh_does_not(server: Server) -> None:
    ask(server.url, get("/"), get("/"), get("/500"), get("/"))
    assert server.connections == 1
    ask(server.url, get("/", Kind.fresh), get("/", Kind.fresh))
    assert server.connections == 3
    assert b"\r\nConnection: close\r\n" not in server.seen[0]
    assert b"\r\nConnection: close\r\n" in server.seen[-1]


def test_a_close_while_idle_is_no_failure_and_costs_no_request(server: Server) -> None:
    check(ask(server.url, get("/idle-close"), lambda: server.closed, get("/")), None, None)
    assert (server.connections, len(server.seen)) == (2, 2)


def test_an_idle_close_is_seen_before_the_event_loop_reads_it(server: Server) -> None:
    async def go() -> Sample:
        connection = Connection(parse(server.url), PATIENT)
        await connection.send(get("/idle-close"))
        eventually(lambda: server.closed)  # the loop sees nothing meanwhile: only the kernel knows
        sample = await connection.send(get("/"))
        connection.close()
        return sample

    check([asyncio.run(go())], None)


def test_over_tls_too(authority: Authority) -> None:
    async def go(url: str, path: str, closed: int) -> Sample:
        connection = Connection(parse(url, host=NAME, ca=str(authority.ca)), PATIENT)
        await connection.send(get(path))
        eventually(lambda: server.closed == closed)
        sample = await connection.send(get("/"))
        connection.close()
        return sample

    with serving(authority.context()) as server:
        check([asyncio.run(go(server.url, "/idle-close", 1))], None)
        assert server.connections == 2
        eventually(lambda: server.closed == 2)
        check([asyncio.run(go(server.url, "/", 2))], None)
        assert server.connections == 3


def test_connection_close_in_the_answer_is_obeyed(server: Server) -> None:
    check(ask(server.url, get("/hangup-after"), get("/")), None, None)
    assert server.connections == 2


def test_a_close_that_crosses_a_written_request_is_not_hidden(server: Server) -> None:
    """The server closes 50 ms after its answer, without reading the request that is on its way."""
    check(ask(server.url, get("/idle-close"), get("/")), None, Failure.closed)


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/upload", None),
        ("/upload-bare", None),
        ("/upload-wrong", Failure.wrong_body),
        ("/upload-mute", Failure.wrong_body),
        ("/500", Failure.status_5xx),
        ("/close", Failure.closed_fresh),
    ],
)
def test_an_upload_must_be_answered_with_its_size(server: Server, path: str, failure: Failure | None) -> None:
    check(ask(server.url, upload(path)), failure)


def test_large_and_empty_uploads(server: Server) -> None:
    check(ask(server.url, upload("/upload", 3_000_000), upload("/upload", 0), manners=Manners(5)), None, None)


def test_a_marker_can_be_required(server: Server) -> None:
    strict = Manners(timeout=30, marked=True)
    check(
        ask(server.url, get("/"), get("/unmarked"), get("/503"), manners=strict),
        *(None, Failure.unmarked, Failure.status_5xx),
    )


def test_what_a_sample_holds(server: Server) -> None:
    before = time.time()
    (sample,) = ask(server.url, Request(Kind.slow, "GET", "/slow?s=0.2", hold=0.2))
    after = time.time()
    assert (sample.release, sample.color, sample.node, sample.status) == ("v1", "blue", "node1", 200)
    assert sample.answered is not None
    assert sample.first_byte is not None
    assert before - 0.01 <= sample.sent <= sample.first_byte - 0.2 <= sample.answered - 0.2 <= after - 0.2 + 0.01


def test_the_requested_delay_does_not_count_for_the_timeout(server: Server) -> None:
    slow = Request(Kind.slow, "GET", "/slow?s=1", hold=1.0)
    check(ask(server.url, slow, get("/slow?s=1"), manners=Manners(0.6)), None, Failure.timeout)


def test_token_and_host_are_sent(server: Server) -> None:
    async def go() -> None:
        connection = Connection(parse(server.url, host="shop.example"), Manners(token="s3cret"))
        await connection.send(get("/"))
        connection.close()

    asyncio.run(go())
    assert b"\r\nHost: shop.example\r\n" in server.seen[0]
    assert b"\r\nX-Probe-Token: s3cret\r\n" in server.seen[0]


def test_no_address_takes_a_connection_is_refused_not_other() -> None:
    """On many machines localhost has two addresses; this is still one failure, of its own kind."""
    with nobody() as url:
        check(ask(url.replace("127.0.0.1", "localhost"), get("/")), Failure.refused)


def test_blame_knows_resets_in_the_middle() -> None:
    assert blame(ConnectionResetError(), reused=True, begun=True)[0] is Failure.truncated
    assert blame(BrokenPipeError(), reused=True, begun=False)[0] is Failure.reset
    assert blame(ssl.SSLError(1, "x"), reused=False, begun=False)[0] is Failure.other


def test_tls_with_its_own_ca_and_name(authority: Authority) -> None:
    names: list[str | None] = []
    context = authority.context()
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readline()
        writer.close()

    async def go(ca: str | None, host: str | None) -> Sample:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connection = Connection(parse(url, host=host, ca=ca), Manners(5))
        sample = await connection.send(get("/"))
        connection.close()
        server.close()
        return sample

    check([asyncio.run(go(str(authority.ca), "shop.example"))], None)
    assert names == ["shop.example"]
    for ca, host in ((str(authority.ca), None), (None, "shop.example")):
        sample = asyncio.run(go(ca, host))
        check([sample], Failure.other)
        assert "certificate" in sample.detail.lower()


def test_a_server_that_listens_but_never_accepts_is_a_timeout() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        check(ask(f"http://127.0.0.1:{deaf.getsockname()[1]}", get("/"), manners=FAST), Failure.timeout)
