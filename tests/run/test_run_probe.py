"""What the probe of a run proves: failures since the cutover, compared with the failures before."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from orchestrator import verbs
from orchestrator.config import load
from orchestrator.errors import NotYet, ProbeError, Refused
from orchestrator.journal.session import Session
from orchestrator.model import Weights
from orchestrator.options import Options
from orchestrator.probe.report import Count, Report, Totals
from orchestrator.run import run_probe
from orchestrator.run.run_probe import Proof, RunProbe
from orchestrator.verbs.release import _probe_meanwhile
from tests.config.test_settings import raw
from tests.fakes.world import World


class Process:
    """A probe that has sent requests: a number of them, of which some have failed."""

    now = (0, 0)
    dead = False
    started: list[str]
    paces: list[float]
    peeks: list[tuple[int, int]]

    def __init__(self, urls: list[str], *arguments: object, **more: object) -> None:
        self.urls = [url.removesuffix("/") for url in urls]

    def launch(self) -> None:
        Process.started.append("launched")

    def start(self) -> None:
        Process.started.append("started")

    def peek(self) -> Report:
        if Process.dead:
            raise ProbeError("dead")
        if Process.peeks:
            Process.now = Process.peeks.pop(0)
        requests, failed = Process.now
        targets = {url: Count(requests // len(self.urls)) for url in self.urls}
        failures = {"status": failed} if failed else {}
        examples = ["status: keepalive http://lb GET /: 502"][:failed]
        totals = Totals(requests=requests, failed=failed, failures=failures, targets=targets, examples=examples)
        return Report(totals)

    stop = peek

    def pace(self, rate: float) -> None:
        Process.paces.append(rate)

    def switch(self, to: str) -> None:
        self.peek()

    def kill(self) -> None:
        Process.started.append("killed")


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_probe, "ProbeProcess", Process)
    monkeypatch.setattr(Process, "now", (0, 0))
    monkeypatch.setattr(Process, "dead", False)
    Process.started, Process.paces, Process.peeks = [], [], []


def probe(before: tuple[int, int], after: tuple[int, int], **settings: Any) -> RunProbe:
    """A probe before its end.

    + before, after: requests and failures before and after the cutover
    """
    made = RunProbe(load(raw(probe=settings)))
    made.begin("r2")
    Process.now = before
    made.shifting(Weights(100))
    Process.now = (before[0] + after[0], before[1] + after[1])
    return made


def test_no_failure_is_a_proof() -> None:
    assert probe((60, 0), (247, 0)).end(0, judged=True) == Proof("307 requests, 0 failed")
    assert probe((60, 3), (247, 0)).end(0, judged=True) == Proof("307 requests, 3 failed")
    assert probe((60, 3), (247, 0), proof="strict").end(0, judged=True).doubt == ""


def test_the_message_names_the_first_failed_request() -> None:
    with pytest.raises(NotYet, match=r"; the first: status: keepalive http://lb GET /: 502$"):
        probe((60, 0), (247, 2)).look()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((60, 0), (247, 1), r"^1 of 247 probe requests failed \(1 status\), none before the cutover; "),
        ((60, 1), (247, 98), r"^98 of 247 .* since the cutover, 1 of 60 before: more than before, and not by chance"),
        ((1000, 10), (1000, 60), "^60 of 1000 .*, 10 of 1000 before: more than before"),
    ],
)
def test_more_failures_than_before_fail_the_run(before: tuple[int, int], after: tuple[int, int], words: str) -> None:
    for made in (probe(before, after), probe(before, after, proof="strict")):
        with pytest.raises(NotYet, match=words):
            made.look()
        with pytest.raises(NotYet, match=words):
            made.end(0, judged=True)
    assert probe(before, after).end(0, judged=False).doubt == "", "a rollback only reports the failures"


@pytest.mark.parametrize(("before", "after"), [((1000, 10), (1000, 12)), ((5, 1), (20, 3)), ((60, 60), (247, 98))])
def test_failures_as_before_prove_nothing(before: tuple[int, int], after: tuple[int, int]) -> None:
    made = probe(before, after)
    made.look()
    words = f"{after[1]} of {after[0]} probe requests failed ({after[1]} status) since the cutover, "
    words += f"{before[1]} of {before[0]} before: the failures before may be the cause of the failures since then"
    assert made.end(0, judged=True).doubt == words
    with pytest.raises(NotYet) as failed:
        probe(before, after, proof="strict").end(0, judged=True)
    assert str(failed.value) == f"{words}: nothing is proved (the setting probe.proof is strict)"


def test_a_probe_that_died_proves_nothing() -> None:
    for settings in ({}, {"proof": "strict"}):
        made = probe((60, 0), (247, 0), **settings)
        Process.dead = True
        made.look()
        if settings:
            with pytest.raises(
                NotYet, match="the probe process ended during the run, before the run stopped it: nothing is proved"
            ):
                made.end(0, judged=True)
        else:
            found = made.end(0, judged=True)
            assert found == Proof(
                "the probe had ended before", "the probe process ended during the run, before the run stopped it"
            )
        Process.dead = False
    made = probe((60, 0), (247, 0))
    Process.dead = True
    assert made.end(0, judged=True).doubt == "the probe gave no report"


def test_many_looks_need_stronger_evidence() -> None:
    made = probe((1000, 10), (1000, 32))
    for _ in range(3):
        made._looks = 50
        made.look()
    made._looks = 0
    with pytest.raises(NotYet):
        made.look()


def test_the_probe_of_a_first_release_starts_after_the_cutover() -> None:
    made = RunProbe(load(raw()))
    assert (
        made.begin("r1", first=True)
        == "starts after the cutover, because users get no answer from a release before the cutover"
    )
    made.shifting(Weights(100))
    made.look()
    assert Process.started == []
    made.verified()
    made.verified()
    assert Process.started == ["started"]
    Process.now = (100, 1)
    with pytest.raises(NotYet, match="1 of 100 probe requests failed"):
        made.end(0, judged=True)


def test_a_resumed_first_release_is_probed_at_its_end() -> None:
    made = RunProbe(load(raw()))
    made.begin("r1", first=True)
    Process.now = (20, 0)
    assert made.end(0, judged=True) == Proof("20 requests, 0 failed")
    assert Process.started == ["started"]


def test_the_proof_waits_for_enough_requests_of_each_url() -> None:
    made = probe((60, 0), (10, 0), answers=40)
    Process.peeks = [(80, 0), (90, 0), (100, 0)]
    assert made.end(0, judged=True) == Proof("100 requests, 0 failed")
    assert Process.paces == [100.0], "the proof sends requests at a higher rate"
    assert probe((60, 0), (40, 0), answers=40, rate=300).end(0, judged=True).doubt == ""
    assert Process.paces == [100.0, 300.0]


def test_requests_before_the_last_cutover_do_not_count() -> None:
    made = probe((60, 0), (500, 0), answers=20, timeout=0.1)
    made.shifting(Weights(100))
    Process.now = (Process.now[0] + 19, 0)
    words = "only 19 of 20 probe requests to http://shop.test have ended since the cutover"
    assert made.end(0, judged=True) == Proof("579 requests, 0 failed", words)
    strict = probe((60, 0), (19, 0), answers=20, timeout=0.1, proof="strict")
    with pytest.raises(NotYet, match=r"^only 19 of 20 .*: nothing is proved"):
        strict.end(0, judged=True)


def test_a_rollback_does_not_wait_for_a_silent_url() -> None:
    made = probe((60, 0), (0, 0))
    Process.peeks = [(60, 0), (80, 0)]
    assert made.end(0, judged=False) == Proof("60 requests, 0 failed"), "the first look is that of the end"


def test_a_prepared_probe_begins_with_its_process() -> None:
    made = RunProbe(load(raw()))
    made.prepare()
    assert made.begin("r2") == "20 requests a second to each address, 1 addresses"
    assert Process.started == ["launched", "started"]
    made.close()
    assert Process.started == ["launched", "started"]
    assert made.report is not None


def test_a_prepared_probe_that_is_not_used_is_killed() -> None:
    made = RunProbe(load(raw()))
    made.prepare()
    made.close()
    made.close()
    assert Process.started == ["launched", "killed"]


def test_a_rollback_has_its_probe_when_it_has_the_lock(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    take, seen = Session.take, []

    def watched(self: Session) -> None:
        take(self)
        seen.extend(Process.started)

    monkeypatch.setattr(Session, "take", watched)
    settings = load(released.settings | {"probe": {"after": 0.1}})
    assert verbs.rollback(released.fleet(settings), Options()) == 0
    assert (seen, Process.started) == (["launched"], ["launched", "started"])


def test_a_rollback_that_is_refused_leaves_no_probe(released: World) -> None:
    settings = load(released.settings | {"probe": {"after": 0.1}})
    with pytest.raises(Refused):
        verbs.rollback(released.fleet(settings), Options(to="20200101T000000Z-0000000"))
    assert Process.started == ["launched", "killed"]


@pytest.mark.parametrize(("verb", "enabled"), [("release", True), ("rollback", False)])
def test_no_other_run_prepares_a_probe(released: World, verb: str, enabled: bool) -> None:
    settings = load(released.settings | {"probe": {"enabled": enabled}})
    with _probe_meanwhile(released.fleet(settings), verb):
        gevent.sleep(0)
    assert Process.started == []
