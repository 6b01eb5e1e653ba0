"""Bad input gets one clear line and a status that is not 0, and changes nothing."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.running import Fleet
from tests.fleet.safety import Calm, Run, Snapshot, copy_of_inventory, snapshot, words

RELEASE = ["deploys/release.py", "-y"]
STAGES = ["quiet", "fetch", "same", "share", "configure", "start", "watch", "warm", "gate", "arm", "cutover", "verify"]
STAGES += ["proof", "promote", "prune"]


def refused(run: Run, status: int, line: str) -> None:
    """Assert that a command is refused with a status and one line."""
    assert run.end() == status, run.text
    assert "Traceback" not in run.text
    found = [said for said in run.lines if re.search(line, said)]
    assert len(found) == 1, run.text
    # all other lines are pyinfra's, which begin with an arrow or blanks
    assert [said for said in run.lines if said and not said.startswith(("-->", "    "))] == found, run.text


@pytest.mark.parametrize(
    ("more", "status", "line"),
    [
        (["--data", "ref=v9"], 2, "^release: --data ref: the origin has no branch or tag v9: "),
        (
            ["--data", "ref=1.10"],
            2,
            r"^--data ref: pyinfra .* as float 1\.1, .*: quote the value, --data 'ref=\"\.\.\.\"'$",
        ),
        pytest.param(
            ["--data", "ref=true"],
            2,
            "^--data ref: pyinfra has read the value as bool True, .*: quote the value, ",
            marks=pytest.mark.slow,
        ),
        (
            ["--data", "ref=--upload-pack=x"],
            2,
            "cannot be the name of a branch, tag or commit in git: it begins with -$",
        ),
        (["--data", "reff=v1"], 2, r"^unknown --data reff \(did you mean ref\?\)$"),
        (["--data", "color=purple"], 2, r"^--data color=purple: there is no such color \(use blue or green\)$"),
        pytest.param(
            ["--limit", "nomatch"],
            2,
            "^--limit would leave nodes out, .* Nothing was changed; remove --limit.$",
            marks=pytest.mark.slow,
        ),
        (["--limit", "node1"], 2, "^--limit would leave nodes out, .* Nothing was changed; remove --limit.$"),
        pytest.param(
            ["--exclude", "node2"],
            2,
            "^--exclude would leave nodes out, .* Nothing was changed; remove --exclude.$",
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_arguments(fleet: Fleet, before: Snapshot, more: list[str], status: int, line: str) -> None:
    refused(Run(fleet, *RELEASE, *more), status, line)
    assert snapshot(fleet).said == before.said


def test_the_live_color_is_not_released_to(fleet: Fleet, before: Snapshot) -> None:
    run = Run(fleet, *words("release", color=before.live))
    refused(
        run,
        3,
        (
            f"^release: --data color={before.live}: {before.live} is live, and a release always goes to the idle "
            f"color: remove --data color, or set it to {before.idle}$"
        ),
    )
    assert snapshot(fleet).said == before.said


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        pytest.param({"gat": {}}, r"^settings: unknown key gat \(did you mean gate\?\)$", marks=pytest.mark.slow),
        ({"gate": {"sucesses": 3}}, r"^settings: unknown key gate.sucesses \(did you mean successes\?\)$"),
        ({"keep": "many"}, "^settings: keep: "),
    ],
    ids=["section", "key", "value"],
)
@pytest.mark.parametrize("verb", ["release", pytest.param("rollback", marks=pytest.mark.slow)])
def test_settings(
    fleet: Fleet, before: Snapshot, tmp_path: Path, settings: dict[str, object], line: str, verb: str
) -> None:
    run = Run(fleet, *words(verb), inventory=copy_of_inventory(tmp_path, **settings))
    refused(run, 2, line)
    assert snapshot(fleet).said == before.said


@pytest.mark.parametrize("verb", ["release", pytest.param("rollback", marks=pytest.mark.slow)])
def test_without_y_and_without_a_terminal_it_refuses(fleet: Fleet, before: Snapshot, verb: str) -> None:
    run = Run(fleet, f"deploys/{verb}.py")
    refused(run, 2, f"^{verb} asks before the run, but there is no terminal: add -y to run without the question$")
    assert snapshot(fleet).said == before.said


@pytest.mark.parametrize(
    ("leave", "status"),
    [
        (lambda run: run.answer("no\n"), 0),  # pyinfra's own status
        (lambda run: run.signal(signal.SIGINT), 130),
    ],
    ids=["another answer", "Ctrl-C"],
)
def test_the_plan_is_shown_first_and_only_enter_goes_on(
    fleet: Fleet, before: Snapshot, leave: Callable[[Run], None], status: int
) -> None:
    run = Run(fleet, "deploys/release.py", "--data", "ref=v1", question=True)
    run.wait_for("Detected changes")
    stages = re.findall(r"^    (\w+)  .* (?:do|look)\b", run.text, re.MULTILINE)
    assert stages == STAGES, run.text
    assert re.search(rf"^release \S+ \(v1, \w+\) into {before.idle}; {before.live} has ", run.text, re.MULTILINE)
    assert re.search(r"^    proof .*\n.*commit: .*\n    promote ", run.text, re.MULTILINE)
    time.sleep(0.5)  # a signal between Python's last look at signals and its read of the answer waits for that answer
    leave(run)
    assert run.end(30) == status, run.text
    assert "Traceback" not in run.text
    assert snapshot(fleet).said == before.said


def test_enter_goes_on(calm: Calm) -> None:
    run = Run(calm.fleet, "deploys/rollback.py", question=True)
    run.wait_for("Detected changes")
    was = calm.before
    assert f"to {was.release(was.idle)} ({was.idle})" in run.text
    assert snapshot(calm.fleet).said == was.said
    run.answer("\n")
    assert run.end() == 0, run.text
    assert snapshot(calm.fleet).live == was.idle
    calm.lock_is_free()
    calm.no_request_failed(was.release("blue"), was.release("green"))


def test_a_tag_that_moves_before_the_answer_is_refused(
    fleet: Fleet, before: Snapshot, tag: Callable[[str, Callable[[Path], None]], str]
) -> None:
    shown = tag("moving", lambda folder: (folder / "first").touch())
    run = Run(fleet, "deploys/release.py", "--data", "ref=moving", question=True)
    run.wait_for("Detected changes")
    assert re.search(rf"^release \S+ \(moving, {shown}\w*\) into ", run.text, re.MULTILINE), run.text
    moved = tag("moving", lambda folder: (folder / "second").touch())
    run.answer("\n")
    assert run.end() == 3, run.text
    line = (
        r"^release: the plan has changed since it was shown: the commit \(was {}\w*, is {}\w*\); this command changed"
    )
    assert len(re.findall(line.format(shown, moved), run.text, re.MULTILINE)) == 1, run.text
    assert snapshot(fleet).said == before.said
