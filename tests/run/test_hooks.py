"""Hooks fire at each point in order, with the facts of the run, fail and time out as they should.

The file ``hooks.txt`` has what is expected. To write it anew: ``WRITE=1 python -m pytest tests/run/test_hooks.py``.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.journal.session import who
from orchestrator.options import Options
from orchestrator.provision import render
from orchestrator.stages import KINDS
from orchestrator.stages.hooks import points
from tests.fakes.world import World
from tests.operations.test_as_web import AS_WEB
from tests.run.faults import before as before_step

GOLDEN = Path(__file__).with_name("hooks.txt")
PLACES = ("first node", "web", "balancers", "operator")


def settings(world: World, hooks: list[dict[str, Any]], **more: Any) -> Settings:
    return load({**world.settings, "hooks": hooks, **more})


def log(path: Path, name: str) -> str:
    """A command that appends one line to a file: the name of the hook and the facts of the run."""
    facts = "env | grep -E '^(RELEASE|COLOR|RELEASE_PATH|ORCHESTRATOR_[A-KM-Z].*)=' | grep -v ORCHESTRATOR_P"
    return f"{{ echo '{name}'; {facts} | sort; echo; }} | tr '\\n' '|' >> {path}; echo >> {path}"


def install_as_web(world: World) -> None:
    """Install the scripts with which hooks run as the web user. A fake stands for systemd."""
    for name in world.nodes:
        library = world.path / name / "usr/local/lib/orchestrator/shop"
        step = render.web_scripts(load(world.settings))["web-step"]
        scripts = {
            "web-step": step.replace("/srv/shop", str(world.root(name))),
            "as-web": AS_WEB.replace("{log}", str(library / "log")).replace("{bin}", str(library)),
        }
        for script, text in scripts.items():
            (library / script).write_text(text)
            (library / script).chmod(0o755)


def everywhere(path: Path, base: Settings, verbs: list[str]) -> list[dict[str, Any]]:
    """A hook before and after each point, in turn on each kind of place, and as the web user."""
    found: list[dict[str, Any]] = []
    for number, point in enumerate(points(KINDS, base)):
        for when in ("before", "after"):
            place = PLACES[(number + (when == "after")) % len(PLACES)]
            where = {"on": "first node", "user": "web"} if place == "web" else {"on": place}
            found.append({when: point, "run": log(path, f"{when} {point}: {place}"), "verbs": verbs, **where})
    for number, end in enumerate(("failed", "undone")):
        where = {"on": PLACES[3 * number]}
        found.append({"after": end, "run": log(path, f"after {end}: {PLACES[3 * number]}"), "verbs": verbs, **where})
    return found


def heard(path: Path, world: World) -> list[str]:
    """The lines of the log, without what differs from run to run. Hosts of one stage write in any order."""
    text = path.read_text()
    path.unlink()
    text = re.sub(re.escape(str(world.path)) + r"/(node\d)", r"<\1>", text).replace(str(path.parent), "<here>")
    text = text.replace(who(), "<user>")
    for number, release in enumerate(sorted(set(re.findall(r"\d{8}T\d{6}Z-[0-9a-f]{7}", text)))):
        text = text.replace(release, f"<release {number}>")
    text = re.sub(r"(?<=REVISION=)[0-9a-f]{7,40}\b", "<commit>", text)
    return [line.rstrip("|") for line in text.splitlines()]


def told(title: str, lines: list[str]) -> list[str]:
    """Lines for the golden file: the points in order, each with a letter for its facts, then the facts."""
    letters: dict[str, str] = {}
    order = []
    for line in lines:
        name, _, facts = line.partition("|")
        order.append(f"    {letters.setdefault(facts, chr(ord('A') + len(letters)))}  {name}")
    more = [
        f"    {letter}:" + "".join(f"\n        {fact}" for fact in facts.split("|"))
        for facts, letter in letters.items()
    ]
    return [title, *order, *more, ""]


def runs(world: World, path: Path) -> list[str]:
    """Release, roll back, release only code, fail, and join, and return what the hooks have written."""
    install_as_web(world)
    build = [
        {"name": "composer", "run": "mkdir -p vendor; date >vendor/a", "outputs": ["vendor"], "inputs": ["public"]}
    ]
    more = {"build": build, "environment": {"values": {"KEY": "a-secret-value"}}}
    hooks = everywhere(path, settings(world, [], **more), ["release", "rollback", "join"])
    made = settings(world, hooks, **more)
    report = str(path.parent / "report.json")

    def fleet(**changed: Any) -> Any:
        return world.fleet(made.model_copy(update=changed))

    found: list[str] = []
    assert verbs.release(fleet(), Options(ref="v1", report=report)) == 0
    found += told("release of v1", heard(path, world))
    assert verbs.rollback(fleet(), Options()) == 0
    found += told("rollback", heard(path, world))
    assert verbs.rollback(fleet(), Options()) == 0
    path.unlink()
    assert verbs.code(fleet(), Options(ref="v1")) == 0
    found += told("code", heard(path, world))
    world.break_("node3", "check-stack")
    assert verbs.release(fleet(), Options(ref="v2", report=report)) == 1
    world.mend("node3")
    found += told("release of v2, which fails at configure", heard(path, world))
    world.down.add("node3")
    assert verbs.release(fleet(), Options(ref="v2", allow_missing=frozenset({"node3"}))) == 0
    world.down.clear()
    path.unlink()
    assert verbs.join(fleet(), Options(node="node3")) == 0
    return found + told("join of node3", heard(path, world))


@pytest.mark.exhaustive
def test_hooks_fire_in_order_with_the_facts_of_the_run(released: World, tmp_path: Path) -> None:
    found = "\n".join(runs(released, tmp_path / "log"))
    assert "a-secret-value" not in found
    if os.environ.get("WRITE"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


@pytest.mark.exhaustive
@pytest.mark.parametrize("where", ["first node", "web", "operator"])
def test_a_hook_that_takes_too_long_is_named(released: World, where: str, capfd: pytest.CaptureFixture[str]) -> None:
    install_as_web(released)
    before = released.snapshot()
    place = {"on": "first node", "user": "web"} if where == "web" else {"on": where}
    hook = {"after": "same", "run": "echo begun; sleep 30", "deadline": 0.5, **place}
    assert verbs.release(released.fleet(settings(released, [hook])), Options(ref="v1")) == 1
    said = capfd.readouterr().err
    assert "the hook `echo begun; sleep 30` took longer than 0.5 s" in said
    assert released.snapshot() == before


@pytest.mark.exhaustive
def test_an_advisory_hook_that_fails_is_a_warning(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    hooks: list[dict[str, Any]] = [
        {"after": "same", "run": "echo no >&2; exit 3", "on": "first node", "advisory": True},
        {"after": "share", "run": "sleep 30", "on": "operator", "deadline": 0.3, "advisory": True},
    ]
    assert verbs.release(released.fleet(settings(released, hooks)), Options(ref="v1")) == 0
    said = capfd.readouterr().err
    assert "warning: node1: no\n" in said
    assert "warning: operator: the hook `sleep 30` took longer than 0.3 s\n" in said


@pytest.mark.exhaustive
def test_the_undo_of_an_advisory_hook_may_fail(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    before = released.snapshot()
    hooks: list[dict[str, Any]] = [
        {"after": "same", "run": "true", "undo": "echo kept >&2; exit 3", "on": "first node", "advisory": True},
        {"after": "share", "run": "exit 4", "on": "first node"},
    ]
    assert verbs.release(released.fleet(settings(released, hooks)), Options(ref="v1")) == 1
    assert "warning: node1: kept\n" in capfd.readouterr().err
    assert released.snapshot() == before


def test_a_hook_that_fails_after_the_commit_is_not_repaired(released: World, capfd: pytest.CaptureFixture[str]) -> None:
    hooks = [{"after": "promote", "run": "exit 4", "on": "operator"}]
    assert verbs.release(released.fleet(settings(released, hooks)), Options(ref="v1")) == 0
    assert (
        "warning: operator: `exit 4` ended with status 4; run the hook's command yourself\n" in capfd.readouterr().err
    )


class Killed(BaseException):
    """The process is gone."""


def die() -> None:
    raise Killed


ENDS = [
    {"after": "failed", "on": "operator", "run": "echo failed >> {log}"},
    {"after": "undone", "on": "operator", "run": "echo undone >> {log}"},
]


def ends(path: Path) -> list[dict[str, Any]]:
    return [{**hook, "run": hook["run"].replace("{log}", str(path))} for hook in ENDS]


@pytest.mark.exhaustive
def test_hooks_at_the_end_do_not_harm_the_undo(released: World, tmp_path: Path) -> None:
    before = released.snapshot()
    report = tmp_path / "report.json"
    hooks: list[dict[str, Any]] = [
        {
            "after": "failed",
            "on": "operator",
            "run": f"cp $ORCHESTRATOR_REPORT {tmp_path}/copy; sleep 30",
            "deadline": 0.4,
        },
        {"after": "failed", "run": "exit 3"},
        *ends(tmp_path / "log"),
        {"after": "gate", "on": "operator", "run": "exit 1"},
    ]
    assert verbs.release(released.fleet(settings(released, hooks)), Options(ref="v1", report=str(report))) == 1
    assert released.snapshot() == before
    assert (tmp_path / "log").read_text() == "failed\nundone\n"
    # the hook has read the report of the run that failed; afterwards the report has the hooks, too
    assert json.loads((tmp_path / "copy").read_text())["status"] == 1
    stages = [event["stage"] for event in json.loads(report.read_text())["events"] if event["record"] == "results"]
    assert stages[-4:] == [f"hook {number} after {end}" for number, end in enumerate(["failed"] * 3 + ["undone"])]


def test_a_run_that_succeeds_has_no_hooks_at_the_end(released: World, tmp_path: Path) -> None:
    assert verbs.release(released.fleet(settings(released, ends(tmp_path / "log"))), Options(ref="v1")) == 0
    assert not (tmp_path / "log").exists()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("how", "said"), [("paused", "undone\n"), ("killed", "failed\nundone\n")])
def test_the_command_that_undoes_a_run_runs_its_hooks(
    released: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    made = settings(released, ends(tmp_path / "log"))
    if how == "paused":
        assert verbs.release(released.fleet(made), Options(ref="v1", until="preview")) == 0
    else:
        with monkeypatch.context() as dying:
            before_step(dying, "share", die)
            with pytest.raises(Killed):
                verbs.release(released.fleet(made), Options(ref="v1"))
    assert not (tmp_path / "log").exists()
    assert verbs.abort(released.fleet(made), Options()) == 0
    assert (tmp_path / "log").read_text() == said


@pytest.mark.exhaustive
def test_a_lost_node_delays_only_the_hooks_after_undone(released: World, tmp_path: Path) -> None:
    made = settings(
        released, [*ends(tmp_path / "log"), {"after": "failed", "run": f"echo $HOST_NAME >> {tmp_path}/nodes"}]
    )
    hook = {"after": "start", "on": "operator", "run": f"touch {tmp_path}/lost; exit 1"}
    answer = released.answer

    def lost(connector: Any, command: str, stdin: str = "") -> Any:
        if (tmp_path / "lost").exists():
            released.down.add("node3")
        return answer(connector, command, stdin)

    released.answer = lost  # type: ignore[method-assign]
    failing = settings(released, [*(one.model_dump(exclude_none=True) for one in made.hooks), hook])
    assert verbs.release(released.fleet(failing), Options(ref="v1")) == 1
    assert (tmp_path / "log").read_text() == "failed\n"
    assert sorted((tmp_path / "nodes").read_text().split()) == ["node1", "node2"]
    (tmp_path / "lost").unlink()
    released.down.clear()
    assert verbs.abort(released.fleet(failing), Options()) == 0
    assert (tmp_path / "log").read_text() == "failed\nundone\n"
