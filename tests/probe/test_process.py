"""The probe as a child process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.errors import ProbeError
from orchestrator.probe.process import ProbeProcess
from tests.fakes.processes import alive, eventually, wait_until_dead

from .certificates import NAME, Authority
from .server import Server, nobody, serving
from .server2 import serving2

pytestmark = pytest.mark.exhaustive


def test_a_release_as_its_report_tells_it(server: Server) -> None:
    with ProbeProcess([server.url], rate=200, token="s3cret") as probe:
        assert server.seen, "start waits for the first answer"
        before = time.time()
        probe.switch("v2")
        server.release = "v2"
        after = time.time()
        count = len(server.seen)
        eventually(lambda: len(server.seen) > count + 20)
        marked = time.time()
        probe.mark("committed, and so on")
        report = probe.stop()
    assert report.totals.failed == 0
    assert set(report.totals.releases) == {"v1", "v2"}
    assert set(report.totals.kinds) == {"keepalive", "fresh"}
    (it,) = report.transitions
    assert (it.old, it.new, it.stale) == ("v1", "v2", 0)
    assert it.at is not None
    assert before - 0.001 <= it.at <= after + 0.001
    (mark,) = report.marks
    assert mark.text == "committed, and so on"
    assert marked <= mark.at + 0.001 <= time.time()
    assert report.totals.requests == len(server.seen)
    assert b"X-Probe-Token: s3cret" in server.seen[0]


def test_a_probe_sends_nothing_before_it_is_started(server: Server) -> None:
    probe = ProbeProcess([server.url], rate=200)
    probe.launch()
    # the probe ends only when it has read the end of its input, and would have sent requests until then
    assert probe.stop().totals.requests == 0
    assert not server.seen
    assert probe.pid is None


def test_a_launched_probe_can_be_killed(server: Server) -> None:
    probe = ProbeProcess([server.url])
    probe.launch()
    pid = probe.pid
    assert pid is not None
    probe.kill()
    wait_until_dead(pid)


def test_the_token_is_not_in_the_process_list(server: Server) -> None:
    with ProbeProcess([server.url], token="s3cret") as probe:
        assert b"s3cret" not in Path(f"/proc/{probe.pid}/cmdline").read_bytes()


def test_the_name_and_the_certificates_that_it_is_given(authority: Authority) -> None:
    with (
        serving(authority.context()) as server,
        ProbeProcess([server.url], rate=50, host=NAME, ca=str(authority.ca)) as probe,
    ):
        assert probe.stop().totals.failures == {}
        assert f"\r\nHost: {NAME}\r\n".encode() in server.seen[0]


def test_http2(authority: Authority) -> None:
    with (
        serving2(authority.context("h2")) as server,
        ProbeProcess([server.url], rate=50, host=NAME, ca=str(authority.ca), http2=True) as probe,
    ):
        assert probe.stop().totals.failures == {}
        assert server.seen[0][":authority"] == NAME


def test_a_peek_sees_the_running_totals(server: Server) -> None:
    with ProbeProcess([server.url], rate=200) as probe:
        first = probe.peek().totals.requests
        count = len(server.seen)
        eventually(lambda: len(server.seen) > count + 5)
        second = probe.peek().totals.requests
        third = probe.stop().totals.requests
    assert 0 < first < second <= third


def test_a_new_rate_also_applies_to_clients_that_wait(server: Server) -> None:
    with ProbeProcess([server.url], rate=0.001) as probe:
        probe.pace(500)
        eventually(lambda: len(server.seen) > 10)
        report = probe.stop()
    assert (report.totals.failed, report.marks) == (0, [])


def test_a_failure_counts_as_the_first_answer() -> None:
    with nobody() as url, ProbeProcess([url], rate=50) as probe:
        assert probe.stop().totals.failures.keys() == {"refused"}


def test_requests_in_flight_are_waited_for(server: Server) -> None:
    with ProbeProcess([server.url], ["/", "/slow?s=0.4"], rate=100, connections=2, mix=["keepalive"]) as probe:
        eventually(lambda: any(b"/slow" in head for head in server.seen))
        report = probe.stop()
    assert (report.totals.failed, report.unfinished) == (0, 0)
    assert report.totals.requests == len(server.seen)


def test_the_probe_is_in_its_own_session(server: Server) -> None:
    with ProbeProcess([server.url]) as probe:
        assert probe.pid is not None
        assert os.getsid(probe.pid) == probe.pid


def test_leaving_without_stop_ends_it(server: Server) -> None:
    with ProbeProcess([server.url]) as probe:
        pid = probe.pid
    assert pid is not None
    assert not alive(pid)
    assert probe.pid is None
    for call in (probe.stop, probe.peek, lambda: probe.mark("x")):
        with pytest.raises(ProbeError):
            call()


def test_bad_arguments_are_reported() -> None:
    with pytest.raises(ProbeError, match="ftp://a"):
        ProbeProcess(["ftp://a"]).start()
    with pytest.raises(ProbeError, match="CA file /no/such/file"):
        ProbeProcess(["https://a"], ca="/no/such/file").start()


def test_the_probe_starts_even_if_the_server_never_answers(server: Server) -> None:
    probe = ProbeProcess([server.url], ["/hang"], timeout=0.3)
    probe.start()
    assert probe.stop().totals.failures.keys() == {"timeout"}


def test_a_killed_probe_is_reported(server: Server) -> None:
    with ProbeProcess([server.url]) as probe:
        assert probe.pid is not None
        os.kill(probe.pid, signal.SIGKILL)
        wait_until_dead(probe.pid)
        with pytest.raises(ProbeError, match="the probe"):
            probe.mark("x")
        with pytest.raises(ProbeError, match="no report"):
            probe.stop()


def test_no_file_descriptor_is_left_open(server: Server) -> None:
    before = opened()
    for _ in range(2):
        with ProbeProcess([server.url]) as probe:
            assert opened() - before
            probe.stop()
    assert opened() <= before


def opened() -> set[str]:
    """The open files and pipes of this process, without sockets, which belong to the test server."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the descriptor that lists this directory
            found.add(os.readlink(descriptor))
    return {one for one in found if not one.startswith(("socket:", "/proc/"))}


PARENT = """
import sys, time
from orchestrator.probe.process import ProbeProcess
probe = ProbeProcess([sys.argv[1]])
probe.start()
print(probe.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_probe_ends_when_its_parent_dies(server: Server, number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, server.url], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(number)
    parent.wait()
    parent.stdout.close()
    wait_until_dead(pid)


PATCHED = """
from gevent import monkey; monkey.patch_all()
import sys, gevent
from orchestrator.probe.process import ProbeProcess
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)
ticker = gevent.spawn(tick)
with ProbeProcess([sys.argv[1]], rate=100) as probe:
    gevent.sleep(0.1)
    probe.switch("v1")
    probe.mark("x")
    probe.peek()
    report = probe.stop()
ProbeProcess([sys.argv[1]]).__enter__().kill()
assert len(ticks) > 10, "other greenlets went on"
print(report.totals.failed, len(report.marks), len(report.transitions), report.totals.requests > 5)
"""


def test_the_probe_starts_from_a_process_with_gevent(server: Server) -> None:
    done = subprocess.run([sys.executable, "-c", PATCHED, server.url], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 1 1 True\n", "")
