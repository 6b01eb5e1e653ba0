"""Totals, gaps, memory, JSON and the table, on hand-made samples."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from orchestrator.probe.record import Recorder
from orchestrator.probe.report import Mark, Report, Totals, report, total
from orchestrator.probe.sample import Failure, Kind, Sample
from orchestrator.probe.table import table
from orchestrator.probe.transitions import Switch

AT = 1_800_000_000.0


def one(sent: float, took: float = 0.01, failure: Failure | None = None, kind: Kind = Kind.keepalive) -> Sample:
    sample = Sample(kind, "http://a", AT + sent, AT + sent + took, AT + sent + took, 200, "v1", "blue", "n1", failure)
    return replace(sample, detail=f"GET /: {failure}" if failure else "")


def test_each_kind_of_failure_that_occurred_is_counted_apart() -> None:
    samples = [one(i, failure=failure) for i, failure in enumerate(Failure)] + [one(99)]
    totals = total(samples)
    assert totals.failures == {str(failure): 1 for failure in Failure}
    assert (totals.requests, totals.failed, totals.answered) == (len(Failure) + 1, len(Failure), 5)
    assert total([one(1)]).failures == {}


def test_requests_by_kind_target_release_and_node() -> None:
    samples = [one(1), one(2, kind=Kind.post, failure=Failure.reset), one(3, kind=Kind.post)]
    samples += [replace(one(4), target="http://b", release="v2"), replace(one(5), release=None)]
    totals = total(samples)
    assert {name: (c.requests, c.failed) for name, c in totals.kinds.items()} == {"keepalive": (3, 0), "post": (2, 1)}
    assert {name: (c.requests, c.failed) for name, c in totals.targets.items()} == {
        "http://a": (4, 1),
        "http://b": (1, 0),
    }
    assert totals.releases == {"v1": 2, "v2": 1}
    assert (totals.unmarked, totals.nodes) == (1, {"n1": 4})


def gap(*samples: Sample) -> float | None:
    found = total(samples).gap
    return None if found is None else round(found, 6)


def test_the_longest_gap_is_between_the_ends_of_answers() -> None:
    assert gap(one(0), one(1), one(4, took=0.5), one(5)) == 3.49
    assert total([one(0), one(1), one(4)]).gap_at == pytest.approx(AT + 1.01)


def test_no_gap_without_two_answers() -> None:
    assert gap() is None
    assert gap(one(1)) is None


def test_slow_answers_neither_make_nor_fill_a_gap() -> None:
    assert gap(one(0), one(1, took=2, kind=Kind.slow), one(5)) == 5
    assert gap(one(0, kind=Kind.slow), one(9, kind=Kind.slow)) is None


def test_failures_do_not_fill_a_gap() -> None:
    assert gap(one(0), one(2, failure=Failure.status_5xx), one(3, failure=Failure.refused), one(5)) == 5


def test_an_outage_until_the_end_is_a_gap() -> None:
    assert gap(one(0), one(1), one(1.5, took=10, failure=Failure.timeout)) == 10.49


def test_first_and_last_answer_and_rate() -> None:
    totals = total([one(i / 100) for i in range(101)])
    assert (totals.first_answer, totals.last_answer) == (AT + 0.01, AT + 1.01)
    assert totals.rate == pytest.approx(100, rel=0.01)
    assert Totals().rate == 0


def test_only_the_first_failures_of_each_kind_are_examples() -> None:
    totals = total([one(i, failure=Failure.reset) for i in range(100)] + [one(200, failure=Failure.timeout)])
    assert len(totals.examples) == 6
    assert totals.examples[-1] == "timeout: keepalive http://a GET /: timeout (node n1)"


def test_samples_in_any_order_give_the_same_report() -> None:
    samples = [one(i / 7, failure=Failure.reset if i % 5 == 0 else None) for i in range(50)]
    shuffled = random.Random(1).sample(samples, len(samples))
    assert report(shuffled) == report(samples)


def test_memory_is_bounded_and_the_report_says_so() -> None:
    recorder = Recorder(keep=10)
    for i in range(25):
        recorder.add(replace(one(i), release="v1" if i < 5 else "v2"))
    recorder.switch("v2", AT + 4.5)
    recorder.mark("half way", AT + 12)
    it = recorder.report()
    assert (it.totals.requests, it.kept, it.dropped) == (25, 10, 15)
    assert it.totals.releases == {"v1": 5, "v2": 20}
    assert it.transitions[0].partial
    assert "newest 10 requests" in table(it)
    assert "the true numbers may be worse" in table(it)
    assert not Recorder(keep=10).report().dropped


def test_a_transition_is_guessed_only_without_a_given_switch() -> None:
    moved = [one(1), replace(one(2), release="v2")]
    assert [it.new for it in report(moved).transitions] == ["v2"]
    assert report([one(1)]).transitions == []
    assert report([*moved, replace(one(3), release="v3")]).transitions == []
    assert [it.at for it in report(moved, switches=[Switch(AT + 1.5, "v2")]).transitions] == [AT + 1.5]


def test_stale_sums_up_all_transitions() -> None:
    switches = [Switch(AT + 1, "v2"), Switch(AT + 5, "v1")]
    v2 = [replace(one(sent), release="v2") for sent in (2, 6)]
    it = report([one(0), *v2, one(3), one(5.5)], switches=switches)
    assert ([t.stale for t in it.transitions], it.stale) == ([1, 1], 2)


def full() -> Report:
    samples = [one(i / 10) for i in range(50)] + [replace(one(5 + i / 10), release="v2") for i in range(50)]
    samples.append(one(7.05, failure=Failure.timeout))
    samples.append(replace(one(8.05, kind=Kind.post), target="http://b"))
    return report(samples, switches=[Switch(AT + 5, "v2")], marks=[Mark(AT + 5, "half")], unfinished=3)


def test_json_and_back() -> None:
    data = json.loads(json.dumps(full().to_json()))
    assert Report.from_json(data).to_json() == full().to_json()
    assert (data["totals"]["failures"], data["stale"], data["marks"][0]["text"]) == ({"timeout": 1}, 1, "half")
    assert Report.from_json(json.loads(json.dumps(report([]).to_json()))) == report([])
    with pytest.raises(KeyError):
        Report.from_json({"hello": 1})


def test_the_table_tells_all_of_it() -> None:
    text = table(full())
    for words in ("102", "timeout 1", "from v1 to v2", "post", "n1", "http://b", "3 requests were given up"):
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 110
    assert "nothing" in table(report([]))
