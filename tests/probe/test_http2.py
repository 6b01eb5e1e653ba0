"""Losing a request over HTTP/2: the same failures as over HTTP/1.1, and the failures that only HTTP/2 has."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.errors import UsageError
from orchestrator.probe.__main__ import main
from orchestrator.probe.client import Connection, Manners, Request
from orchestrator.probe.exchange import headers_of
from orchestrator.probe.sample import Failure, Kind, Sample
from orchestrator.probe.target import parse
from orchestrator.run.data_plane import Answer
from orchestrator.run.data_plane import ask as verify
from tests.fakes.processes import eventually

from .certificates import NAME, Authority
from .patience import PATIENT, suited
from .server import serving
from .server2 import Server2, serving2
from .test_client import check, get, upload


@pytest.fixture
def server2(authority: Authority) -> Iterator[Server2]:
    with serving2(authority.context("h2")) as it:
        yield it


def ask(
    url: str, authority: Authority, *requests: Request | Callable[[], object], manners: Manners | None = None
) -> list[Sample]:
    """Send requests one after another on one connection. A function is waited for until it returns true."""

    manners = manners or suited(*requests)

    async def go() -> list[Sample]:
        connection = Connection(parse(url, host=NAME, ca=str(authority.ca), http2=True), manners)
        samples = []
        for request in requests:
            if isinstance(request, Request):
                samples.append(await connection.send(request))
            else:
                while not request():
                    await asyncio.sleep(0.01)
        connection.close()
        await asyncio.sleep(0.02)
        return samples

    return asyncio.run(go())


def looking_away(server2: Server2, authority: Authority, path: str) -> list[Sample]:
    """The result of a request after a request for `path`. Between them the event loop reads nothing: only the kernel
    knows what arrived."""

    async def go() -> Sample:
        connection = Connection(parse(server2.url, host=NAME, ca=str(authority.ca), http2=True), PATIENT)
        await connection.send(get(path))
        eventually(lambda: server2.idle)
        sample = await connection.send(get("/"))
        connection.close()
        return sample

    return [asyncio.run(go())]


@pytest.mark.parametrize(
    ("path", "failure", "words"),
    [
        ("/", None, ""),
        ("/big", None, ""),
        ("/302", None, ""),
        ("/ping", None, ""),
        ("/hints", None, ""),
        ("/unmarked", None, ""),
        ("/goaway-with-answer", None, ""),
        ("/goaway-first", None, ""),
        ("/500", Failure.status_5xx, "500"),
        ("/404", Failure.status_other, "404"),
        ("/reset", Failure.reset, "stream reset (REFUSED_STREAM), on a new connection"),
        ("/abort", Failure.reset, "connection reset, on a new connection"),
        ("/reset-mid", Failure.truncated, "stream reset (INTERNAL_ERROR) in the middle"),
        ("/close", Failure.closed_fresh, "closed before an answer, on a new connection"),
        ("/goaway-refuse", Failure.closed_fresh, "GOAWAY (ENHANCE_YOUR_CALM) before an answer"),
        ("/goaway-then-close", Failure.closed_fresh, "closed before an answer"),
        ("/truncate", Failure.truncated, "closed in the middle of the answer"),
        ("/short", Failure.truncated, "closed in the middle of the answer"),
        ("/hang", Failure.timeout, "no answer in time"),
        ("/stall", Failure.timeout, "timed out in the middle of the answer"),
        ("/garbage", Failure.other, "is not the beginning of an HTTP/2 frame"),
        ("/bad-frame", Failure.other, "NotHttp2"),
    ],
)
@pytest.mark.parametrize("kind", [Kind.keepalive, Kind.fresh])
def test_each_failure_on_a_new_connection_is_counted_as_itself(
    server2: Server2, authority: Authority, path: str, failure: Failure | None, words: str, kind: Kind
) -> None:
    (sample,) = samples = ask(server2.url, authority, get(path, kind))
    check(samples, failure)
    assert len(server2.seen) == 1, "it never retries"
    assert words in sample.detail
    assert bool(sample.detail) == (failure is not None)


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/", None),
        ("/reset", Failure.reset),
        ("/abort", Failure.reset),
        ("/close", Failure.closed),
        ("/goaway-refuse", Failure.closed),
        ("/reset-mid", Failure.truncated),
        ("/500", Failure.status_5xx),
        ("/hang", Failure.timeout),
    ],
)
def test_each_failure_on_a_reused_connection(
    server2: Server2, authority: Authority, path: str, failure: Failure | None
) -> None:
    check(ask(server2.url, authority, get("/"), get(path), get("/")), None, failure, None)
    assert len(server2.seen) == 3, "it never retries"


def test_what_is_sent(server2: Server2, authority: Authority) -> None:
    ask(server2.url, authority, get("/x?y=1", Kind.fresh), manners=Manners(token="s3cret"))
    (seen,) = server2.seen
    assert seen == {
        ":method": "GET",
        ":scheme": "https",
        ":authority": NAME,
        ":path": "/x?y=1",
        "user-agent": "orchestrator-probe",
        "accept": "*/*",
        "x-probe-token": "s3cret",
    }
    assert not server2.push


def test_headers_of_http2() -> None:
    found = headers_of("GET", "/", [("HOST", "a:1"), ("Connection", "close"), ("X-Token", "Ab")])
    assert found == [(":method", "GET"), (":scheme", "https"), (":authority", "a:1"), (":path", "/"), ("x-token", "Ab")]


def test_keepalive_reuses_its_connection_and_fresh_does_not(server2: Server2, authority: Authority) -> None:
    check(ask(server2.url, authority, get("/"), get("/500"), get("/big"), get("/"))[2:], None, None)
    assert server2.connections == 1
    ask(server2.url, authority, get("/", Kind.fresh), get("/", Kind.fresh))
    assert server2.connections == 3
    assert server2.goodbyes == 3, "it says that it closes"


@pytest.mark.parametrize("path", ["/idle-close", "/idle-goaway"])
def test_an_idle_goaway_is_no_failure_and_costs_no_request(server2: Server2, authority: Authority, path: str) -> None:
    check(ask(server2.url, authority, get(path), lambda: server2.idle, get("/")), None, None)
    assert (server2.connections, len(server2.seen)) == (2, 2)


@pytest.mark.parametrize("path", ["/idle-close", "/idle-goaway"])
def test_an_idle_goaway_is_seen_before_the_event_loop_reads_it(
    server2: Server2, authority: Authority, path: str
) -> None:
    check(looking_away(server2, authority, path), None)
    assert (server2.connections, len(server2.seen)) == (2, 2)


@pytest.mark.parametrize("path", ["/goaway-with-answer", "/goaway-first"])
def test_a_request_before_a_goaway_succeeds_the_next_reconnects(
    server2: Server2, authority: Authority, path: str
) -> None:
    check(ask(server2.url, authority, get("/"), get(path), get("/")), None, None, None)
    assert (server2.connections, len(server2.seen)) == (2, 3)


def test_a_ping_is_answered_and_nothing_else(server2: Server2, authority: Authority) -> None:
    check(
        ask(server2.url, authority, get("/"), get("/ping"), get("/idle-ping"), lambda: server2.idle, get("/")),
        *[None] * 4,
    )
    assert (server2.connections, server2.pongs) == (1, 2)


def test_a_ping_unseen_by_the_event_loop_is_not_a_close(server2: Server2, authority: Authority) -> None:
    check(looking_away(server2, authority, "/idle-ping"), None)
    assert (server2.connections, len(server2.seen)) == (1, 2)


def test_a_goaway_that_crosses_a_written_request_is_not_hidden(server2: Server2, authority: Authority) -> None:
    """The server ignores the request that is on its way. Another client would repeat it on a new connection."""
    check(ask(server2.url, authority, get("/crossed-goaway"), get("/")), None, Failure.closed)


def test_large_and_empty_uploads(server2: Server2, authority: Authority) -> None:
    uploads = [upload("/upload", 3_000_000), upload("/upload", 0), upload("/upload", 70_000)]
    check(ask(server2.url, authority, *uploads, manners=Manners(5)), None, None, None)
    assert server2.connections == 1


def test_an_answer_before_the_upload_ends_closes_the_connection(server2: Server2, authority: Authority) -> None:
    early = Request(Kind.post, "POST", "/early", b"x" * 200_000)
    check(ask(server2.url, authority, early, get("/")), None, None)
    assert server2.connections == 2


def test_what_a_sample_holds(server2: Server2, authority: Authority) -> None:
    before = time.time()
    _, sample = ask(server2.url, authority, get("/"), Request(Kind.slow, "GET", "/slow?s=0.2", hold=0.2))
    after = time.time()
    assert (sample.release, sample.color, sample.node, sample.status) == ("v1", "blue", "node1", 200)
    assert sample.answered is not None
    assert sample.first_byte is not None
    assert before - 0.01 <= sample.sent <= sample.first_byte - 0.2 <= sample.answered - 0.2 <= after - 0.2 + 0.01


def test_a_server_that_does_not_speak_it(authority: Authority) -> None:
    for alpn, chosen in ((["http/1.1"], "http/1.1"), ([], "nothing")):
        with serving(authority.context(*alpn)) as server:
            (sample,) = samples = ask(server.url, authority, get("/"))
            check(samples, Failure.other)
            words = f"NotHttp2: the server does not speak HTTP/2: by ALPN it chose {chosen}"
            assert words in sample.detail
            assert verify(server.url, "", host=NAME, ca=str(authority.ca), http2=True).problem == words
            assert server.seen == []


def test_a_server_that_ends_the_handshake_over_alpn(authority: Authority) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = ["-cert", str(authority.server), "-key", str(authority.server)]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, "-alpn", "spdy/1", "-quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            url, deadline = f"https://127.0.0.1:{port}", time.monotonic() + 60
            told = verify(url, "", host=NAME, ca=str(authority.ca), http2=True)
            while "ConnectionRefused" in str(told.problem) and time.monotonic() < deadline:
                time.sleep(0.02)
                told = verify(url, "", host=NAME, ca=str(authority.ca), http2=True)
            assert "NotHttp2: the server speaks neither" in str(told.problem)
            samples = ask(url, authority, get("/"))
            check(samples, Failure.other)
            assert "NotHttp2: the server speaks neither" in samples[0].detail
        finally:
            server.kill()


def test_certificates_are_checked(server2: Server2, authority: Authority) -> None:
    async def go() -> Sample:
        connection = Connection(parse(server2.url, ca=str(authority.ca), http2=True), PATIENT)
        return await connection.send(get("/"))

    sample = asyncio.run(go())
    check([sample], Failure.other)
    assert "certificate" in sample.detail.lower()


def test_http2_is_for_https_only() -> None:
    with pytest.raises(UsageError, match="http://a: HTTP/2 is for https only"):
        parse("http://a", http2=True)
    assert verify("http://127.0.0.1/", "", http2=True) == Answer(
        None, "http://127.0.0.1/: HTTP/2 is for https only: use an https URL, or HTTP/1.1"
    )


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", Answer("v1", None)),
        ("/big", Answer("v1", None)),
        ("/ping", Answer("v1", None)),
        ("/goaway-first", Answer("v1", None)),
        ("/503", Answer("v1", "status 503")),
        ("/unmarked", Answer(None, "status 200 without a release marker")),
        ("/reset", Answer(None, "StreamReset: stream reset (REFUSED_STREAM)")),
        ("/goaway-refuse", Answer(None, "GoneAway: GOAWAY (ENHANCE_YOUR_CALM)")),
        ("/close", Answer(None, "EOFError: closed before the end of an answer")),
        ("/truncate", Answer(None, "EOFError: closed before the end of an answer")),
        ("/hang", Answer(None, "TimeoutError: The read operation timed out")),
    ],
)
def test_verification(server2: Server2, authority: Authority, path: str, told: Answer) -> None:
    url = f"https://{NAME}:{server2.port}{path}"
    said = verify(
        url, "s3cret", timeout=0.5 if path == "/hang" else 30, ca=str(authority.ca), http2=True, address="127.0.0.1"
    )
    assert said == told
    (seen,) = server2.seen
    assert seen[":authority"] == f"{NAME}:{server2.port}"
    assert seen["x-probe-token"] == "s3cret"
    assert "connection" not in seen


def test_verification_ends_in_time_if_the_server_keeps_talking(server2: Server2, authority: Authority) -> None:
    told = verify(server2.url + "/chatter", "", timeout=0.3, host=NAME, ca=str(authority.ca), http2=True)
    assert "TimeoutError" in str(told.problem)


def test_h2_is_imported_only_by_those_who_use_it() -> None:
    code = "import sys, orchestrator.run.data_plane, orchestrator.probe.__main__; print('h2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_command_speaks_it(server2: Server2, authority: Authority, capfd: pytest.CaptureFixture[str]) -> None:
    argv = [server2.url, "--http2", "--host", NAME, "--ca", str(authority.ca), "--requests", "20", "--rate", "max"]
    assert main([*argv, "--mix", "keepalive,fresh,post"]) == 0
    out, err = capfd.readouterr()
    assert "v1" in out
    assert err == ""
    assert len(server2.seen) == 20
