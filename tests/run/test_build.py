"""Making a release ready on the nodes: environment, build steps, reused outputs, hidden values."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from orchestrator import verbs
from orchestrator.config import Settings, load
from orchestrator.errors import NotUndone, Refused
from orchestrator.mask import Mask
from orchestrator.model import Color
from orchestrator.options import Options
from orchestrator.plan.inputs import Inputs
from tests.fakes.git import git
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive

COMPOSER: dict[str, Any] = {
    "name": "composer",
    "run": "mkdir -p vendor && cp composer.lock vendor/installed && date +%N >> vendor/installed",
    "inputs": ["composer.lock"],
    "listed": ["app/**/*.php"],
    "outputs": ["vendor"],
}
SECRET = "hunter2-and-more"


def built(world: World, *steps: dict[str, Any], **more: Any) -> Settings:
    return load(world.settings | {"build": list(steps), **more})


@pytest.fixture
def origin(released: World) -> World:
    """An origin with a lock file and classes, on which build steps depend."""
    (released.origin / "app").mkdir(exist_ok=True)
    commit(released, {"composer.lock": "one\n", "app/A.php": "<?php // A\n"})
    return released


def commit(world: World, files: dict[str, str]) -> None:
    for name, text in files.items():
        (world.origin / name).parent.mkdir(exist_ok=True)
        (world.origin / name).write_text(text)
    git(world.origin, "add", "-A", "-f")
    git(world.origin, "commit", "-q", "--allow-empty", "-m", "change")


def release(world: World, settings: Settings, verb: str = "release") -> int:
    return verbs.VERBS[verb](world.fleet(settings), Options())


def live(world: World, node: str = "node1") -> Path:
    release = world.live_release(node)
    assert release
    return world.root(node) / "releases" / release


def test_outputs_are_reused_while_the_inputs_are_the_same(origin: World) -> None:
    settings = built(origin, COMPOSER)
    assert release(origin, settings) == 0
    first = live(origin) / "vendor/installed"
    commit(origin, {"public/index.php": "<?php echo 'three';\n", "app/A.php": "<?php // A changed\n"})
    assert release(origin, settings) == 0
    second = live(origin) / "vendor/installed"
    assert second.parent.parent != first.parent.parent
    assert second.read_text() == first.read_text()
    assert second.stat().st_ino == first.stat().st_ino
    # a file that two releases share must be read-only
    assert not stat.S_IMODE(second.stat().st_mode) & 0o222


@pytest.mark.parametrize(
    "change",
    [pytest.param({"composer.lock": "two\n"}, marks=pytest.mark.slow), {"app/B.php": "<?php // B\n"}],
    ids=["content of an input", "list of files"],
)
def test_a_step_with_a_changed_input_runs(origin: World, change: dict[str, str]) -> None:
    settings = built(origin, COMPOSER)
    assert release(origin, settings) == 0
    before = (live(origin) / "vendor/installed").read_text()
    commit(origin, change)
    assert release(origin, settings) == 0
    assert (live(origin) / "vendor/installed").read_text() != before


@pytest.mark.slow
def test_a_changed_step_runs(origin: World) -> None:
    assert release(origin, built(origin, COMPOSER)) == 0
    before = (live(origin) / "vendor/installed").read_text()
    commit(origin, {})
    assert release(origin, built(origin, COMPOSER | {"run": COMPOSER["run"] + " && true"})) == 0
    assert (live(origin) / "vendor/installed").read_text() != before


@pytest.mark.slow
def test_outputs_that_name_their_release_are_never_reused(origin: World) -> None:
    caching = COMPOSER | {"run": 'mkdir -p vendor && echo "$RELEASE_PATH/config" > vendor/cached'}
    settings = built(origin, caching)
    for _ in range(2):
        assert release(origin, settings) == 0
        assert (live(origin) / "vendor/cached").read_text() == f"{live(origin)}/config\n"
        commit(origin, {})


@pytest.mark.slow
def test_a_step_without_outputs_always_runs_unless_when_fails(origin: World) -> None:
    optimize = {"name": "optimize", "run": "echo $COLOR > cached", "when": "test -f artisan"}
    assert release(origin, built(origin, optimize)) == 0
    assert not (live(origin) / "cached").exists()
    commit(origin, {"artisan": "x"})
    assert release(origin, built(origin, optimize)) == 0
    assert (live(origin) / "cached").read_text() == f"{origin.live('node1')}\n"


def test_a_failing_step_shows_its_node_and_leaves_nothing(
    origin: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = origin.snapshot()
    run = "echo resolving; [ $HOST_NAME != node2 ] || { echo lock is broken >&2; exit 7; }"
    step = {"name": "composer", "run": run}
    report = tmp_path / "report.json"
    assert verbs.release(origin.fleet(built(origin, step)), Options(report=str(report))) == 1
    err = capsys.readouterr().err
    assert "build composer failed on node2: composer: `echo resolving; " in err
    assert "ended with status 7" in err
    lines = [line.strip() for line in err.splitlines() if " | " in line]
    assert lines[:2] == ["node2 | resolving", "node2 | lock is broken"]
    assert not any(line.startswith(("node1 |", "node3 |")) for line in lines)
    assert origin.snapshot() == before
    assert "lock is broken" in report.read_text()


def environment(world: World, **given: str) -> Settings:
    asked = {"values": {"APP_KEY": SECRET, **given}, "commands": {"DB_PASSWORD": "echo from-a-command"}}
    return built(world, {"name": "leak", "run": "cat .env; exit $FAIL"}, environment=asked)


def test_a_rollback_brings_back_the_releases_own_environment(origin: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "0")
    assert release(origin, environment(origin, APP_URL="https://one.example.com")) == 0
    commit(origin, {})
    assert release(origin, environment(origin, APP_URL="https://two.example.com")) == 0
    text = (live(origin) / ".env").read_text()
    assert text == f"DB_PASSWORD=from-a-command\nAPP_KEY={SECRET}\nAPP_URL=https://two.example.com\n"
    assert stat.S_IMODE((live(origin) / ".env").stat().st_mode) == 0o600
    assert release(origin, environment(origin, APP_URL="https://three.example.com"), "rollback") == 0
    assert "APP_URL=https://one.example.com\n" in (live(origin) / ".env").read_text()


@pytest.mark.parametrize("fail", ["0", pytest.param("9", marks=pytest.mark.slow)])
def test_secrets_appear_in_no_output_journal_report_or_command(
    origin: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, fail: str
) -> None:
    monkeypatch.setenv("FAIL", fail)
    settings = environment(origin, MAIL="with 'quotes'\nand-lines")
    report, plan = tmp_path / "report.json", tmp_path / "plan.json"
    verbs.show_plan(origin.fleet(settings), "release", Options(save=str(plan)), verbose=True, as_json=True)
    status = verbs.release(origin.fleet(settings), Options(report=str(report)))
    assert status == (0 if fail == "0" else 1)
    said = capsys.readouterr()
    journal = "".join(path.read_text() for path in origin.path.rglob("journal/**/*") if path.is_file())
    assert '"environment"' in journal
    commands = "".join(command for _, command in origin.commands)
    everything = said.out + said.err + journal + report.read_text() + plan.read_text() + commands
    for secret in (SECRET, "from-a-command", "and-lines", "secret-token"):
        assert secret not in everything.replace("echo from-a-command", "")
    if fail == "9":
        assert "node1, node2, node3 | APP_KEY=***" in said.err


@pytest.mark.slow
def test_values_of_php_ini_are_secrets(origin: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ini = {"session.save_handler": "redis", "session.save_path": f"tcp://10.0.0.5:6379?auth={SECRET}"}
    settings = load(origin.settings | {"php": {"sessions": "php", "ini": ini}})
    assert verbs.release(origin.fleet(settings), Options(ref="v1", report=str(tmp_path / "report"))) == 0
    said = capsys.readouterr()
    journal = "".join(path.read_text() for path in origin.path.rglob("journal/**/*") if path.is_file())
    assert "redis" not in journal + (tmp_path / "report").read_text() + said.out + said.err
    assert Mask(settings).hide(f"redis at {ini['session.save_path']}") == "redis at ***"


@pytest.mark.parametrize("verb", ["promote", pytest.param("abort", marks=pytest.mark.slow)])
def test_secrets_are_hidden_in_a_run_that_goes_on(
    origin: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str
) -> None:
    command = 'printf %s "pa\'ss\\\\word1"'
    # as the file has the value, and as a program prints it
    shown = f"cat .env; {command}; false"
    hooks = [
        {"before": "gate", "on": "nodes", "run": "true", "undo": shown if verb == "abort" else "true"},
        {"before": "cutover", "on": "nodes", "run": shown},
    ]
    asked = {"commands": {"DB_PASSWORD": command, "API_KEY": "echo from-a-command"}}
    settings = built(origin, hooks=hooks, environment=asked)
    assert verbs.release(origin.fleet(settings), Options(until="preview")) == 0
    report = tmp_path / "report.json"
    if verb == "abort":
        with pytest.raises(NotUndone, match=r"^node1: \*\*\*; "):
            verbs.abort(origin.fleet(settings), Options())
    else:
        assert verbs.VERBS[verb](origin.fleet(settings), Options(report=str(report))) == 1
    said = capsys.readouterr()
    journal = "".join(path.read_text() for path in origin.path.rglob("journal/**/*") if path.is_file())
    everything = said.out + said.err + journal + (report.read_text() if report.exists() else "")
    assert "node1, node2, node3 | API_KEY=***" in said.err
    for secret in ("from-a-command", "pa'ss"):
        assert secret not in everything.replace("echo from-a-command", "").replace(f"{command}; false", "").replace(
            json.dumps(command)[1:-1], ""
        )


def test_a_run_without_its_values_can_only_be_undone(origin: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = origin.snapshot()
    hooks = [{"before": "cutover", "on": "operator", "run": "true"}]

    def settings(command: str) -> Settings:
        return built(origin, hooks=hooks, environment={"commands": {"KEY": command}})

    assert verbs.release(origin.fleet(settings("echo from-a-command")), Options(until="preview")) == 0
    gone = settings("echo from-a-command; echo locked out >&2; exit 3")
    with pytest.raises(Refused, match="the command of KEY ended with status 3: locked out"):
        verbs.promote(origin.fleet(gone), Options())
    with pytest.raises(Refused, match=r"deploys/promote\.py continues the release"):
        verbs.resume(origin.fleet(gone), Options())
    capsys.readouterr()
    assert verbs.abort(origin.fleet(gone), Options()) == 0
    assert (
        "warning: the values of the environment could not be read, so the output of commands may show them: "
        "environment: the command of KEY ended with status 3: locked out"
    ) in capsys.readouterr().err
    assert origin.snapshot() == before


@pytest.mark.slow
def test_an_environment_that_cannot_be_had_moves_nothing(origin: World, tmp_path: Path) -> None:
    before, file = origin.snapshot(), tmp_path / "production"
    file.write_text(f"LOGIN={SECRET}\n")
    commands = {"FIRST": "echo from-a-command", "KEY": f"echo from-a-command, {SECRET}: locked out >&2; exit 3"}
    fleet = origin.fleet(built(origin, environment={"file": str(file), "commands": commands}))
    with pytest.raises(
        Refused, match=r"^environment: the command of KEY ended with status 3: \*\*\*, \*\*\*: locked out$"
    ):
        verbs.release(fleet, Options())
    assert origin.snapshot() == before


@pytest.mark.slow
def test_an_emergency_needs_no_values(origin: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = built(origin, environment={"commands": {"KEY": "echo asked >&2; exit 3"}})
    assert release(origin, settings, "rollback") == 0
    assert "asked" not in capsys.readouterr().err
    hooked = built(origin, environment=settings.environment, hooks=[{"after": "cutover", "run": "true"}])
    assert release(origin, hooked, "rollback") == 0
    assert "warning: the values of the environment could not be read" in capsys.readouterr().err


@pytest.mark.slow
def test_a_continued_run_takes_secrets_from_the_current_settings(origin: World) -> None:
    settings = environment(origin)
    _, i = verbs.inputs(origin.fleet(settings), "release", Options())
    data = json.loads(json.dumps(i.to_json()))
    assert SECRET not in json.dumps(data)
    assert Inputs.from_json(data, settings) == i


# The fast lane


def test_code_only_takes_everything_over(origin: World) -> None:
    settings = built(origin, COMPOSER, environment={"values": {"APP_KEY": SECRET}})
    assert release(origin, settings) == 0
    before = (live(origin) / "vendor/installed").stat().st_ino
    commit(origin, {"public/index.php": "<?php echo 'three';\n"})
    assert release(origin, settings, "code") == 0
    assert (live(origin) / "vendor/installed").stat().st_ino == before
    assert (live(origin) / "public/index.php").read_text() == "<?php echo 'three';\n"


@pytest.mark.parametrize(
    ("changed", "key", "line"),
    [
        (
            {"composer.lock": "two\n"},
            SECRET,
            "the build step composer must run, because {live} has no outputs from the same inputs: "
            "use deploys/release.py",
        ),
        pytest.param(
            {},
            "another-key",
            "the environment differs from the environment of {live}: use deploys/release.py",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["dependencies", "environment"],
)
def test_code_only_refuses_to_be_anything_else(
    origin: World, capsys: pytest.CaptureFixture[str], changed: dict[str, str], key: str, line: str
) -> None:
    assert release(origin, built(origin, COMPOSER, environment={"values": {"APP_KEY": SECRET}})) == 0
    commit(origin, changed)
    before = origin.snapshot()
    assert release(origin, built(origin, COMPOSER, environment={"values": {"APP_KEY": key}}), "code") == 1
    assert line.format(live=origin.live_release("node1")) in capsys.readouterr().err
    assert origin.snapshot() == before


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"environment": None},
            "{live} has an environment file, which this release does not have: use deploys/release.py",
        ),
        pytest.param(
            {"build": []},
            "{live} has outputs of the build step composer, which this release does not have",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"environment": {"path": "config/.env", "values": {"APP_KEY": SECRET}}},
            "the environment differs from the environment of {live}",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"shared": {"directories": ["storage", "uploads"]}},
            "the shared paths differ from the shared paths of {live}",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["no environment", "no step", "another path", "shared"],
)
def test_code_only_loses_nothing_that_the_live_release_has(
    origin: World, capsys: pytest.CaptureFixture[str], change: dict[str, Any], line: str
) -> None:
    for node in origin.nodes:
        (origin.root(node) / "shared/uploads").mkdir()
    settings = origin.settings | {"build": [COMPOSER], "environment": {"values": {"APP_KEY": SECRET}}}
    assert release(origin, load(settings)) == 0
    commit(origin, {})
    before = origin.snapshot()
    assert release(origin, load(settings | change), "code") == 1
    assert line.format(live=origin.live_release("node1")) in capsys.readouterr().err
    assert origin.snapshot() == before
    assert release(origin, load(settings), "code") == 0


@pytest.mark.slow
def test_code_only_loses_nothing_to_a_condition(origin: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = built(origin, COMPOSER | {"when": "test -f composer.json"})
    commit(origin, {"composer.json": "{}\n"})
    assert release(origin, settings) == 0
    git(origin.origin, "rm", "-q", "composer.json")
    commit(origin, {})
    assert release(origin, settings, "code") == 1
    assert "has outputs of the build step composer, which this release does not have" in capsys.readouterr().err


# Further back than one


def test_back_to_a_kept_release_through_the_same_gates(origin: World, capsys: pytest.CaptureFixture[str]) -> None:
    oldest = origin.releases("node1")[0]
    commit(origin, {})
    assert release(origin, load(origin.settings)) == 0
    assert oldest not in [origin.release("node1", color) for color in Color]
    assert verbs.rollback(origin.fleet(), Options(to=oldest)) == 0
    assert "rollback goes back, started first" in capsys.readouterr().err
    assert {origin.live_release(node) for node in origin.nodes} == {oldest}
    # and forward again, without a start
    assert verbs.rollback(origin.fleet(), Options()) == 0
    assert live(origin).name > oldest


def test_a_rollback_to_a_missing_or_bad_release_moves_nothing(
    origin: World, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(origin, {})
    assert release(origin, load(origin.settings)) == 0
    oldest = origin.releases("node1")[0]
    before = origin.snapshot()
    with pytest.raises(Refused, match=r"node1 does not have release 20200101T000000Z-0000000 \(it has "):
        verbs.rollback(origin.fleet(), Options(to="20200101T000000Z-0000000"))
    with pytest.raises(Refused, match="has the traffic already"):
        verbs.rollback(origin.fleet(), Options(to=origin.live_release("node1")))
    origin.break_("node3", "health")
    try:
        assert verbs.rollback(origin.fleet(), Options(to=oldest)) in (1, 4)
    finally:
        origin.mend("node3")
    assert "node3" in capsys.readouterr().err
    assert origin.snapshot() == before


# A node that comes back


@pytest.mark.slow
def test_a_node_that_joins_gets_what_the_others_have(origin: World) -> None:
    settings = built(origin, COMPOSER, environment={"values": {"APP_KEY": SECRET}})
    assert release(origin, settings) == 0
    origin.down.add("node3")
    (origin.path / "node3/unreachable").touch()
    commit(origin, {"composer.lock": "two\n"})
    other = built(origin, COMPOSER, environment={"values": {"APP_KEY": "another-key"}})
    assert verbs.release(origin.fleet(other), Options(allow_missing=frozenset({"node3"}))) == 0
    origin.down.clear()
    (origin.path / "node3/unreachable").unlink()

    # these settings can build neither release again
    now = built(origin, COMPOSER, environment={"values": {"APP_KEY": "yet-another"}})
    assert verbs.join(origin.fleet(now), Options(node="node3")) == 0
    for color in Color:
        name = origin.release("node1", color)
        assert name == origin.release("node3", color)
        made = [origin.root(node) / "releases" / str(name) for node in ("node1", "node3")]
        for path in (".env", "vendor/installed", "composer.lock", ".release/build/composer"):
            assert (made[1] / path).read_bytes() == (made[0] / path).read_bytes()
        assert stat.S_IMODE((made[1] / ".env").stat().st_mode) == 0o600
        assert (made[1] / ".git").exists()
    assert [path for node in origin.nodes for path in origin.releases(node) if path.endswith(".tar")] == []


@pytest.mark.slow
def test_a_joining_node_fetches_a_release_that_it_has_again(origin: World, capsys: pytest.CaptureFixture[str]) -> None:
    settings = built(origin, COMPOSER, environment={"values": {"APP_KEY": SECRET}})
    origin.down.add("node3")
    (origin.path / "node3/unreachable").touch()
    assert verbs.release(origin.fleet(settings), Options(allow_missing=frozenset({"node3"}))) == 0
    origin.down.clear()
    (origin.path / "node3/unreachable").unlink()
    origin.break_("node3", "health")
    assert verbs.join(origin.fleet(settings), Options(node="node3")) == 1
    origin.mend("node3")
    releases = origin.root("node3") / "releases"
    (live(origin, "node3") / "made-there").touch()
    # files that killed runs left
    for name in (".20200101T000000Z-0000000.part", f".{live(origin, 'node3').name}.part"):
        (releases / name / "half").mkdir(parents=True)
    for name in (".20200101T000000Z-0000000.tar", f".{live(origin, 'node3').name}.tar"):
        (releases / name).touch()
    assert verbs.join(origin.fleet(settings), Options(node="node3")) == 0
    assert not (live(origin, "node3") / "made-there").exists()
    assert (live(origin, "node3") / ".git").exists()
    assert git(live(origin, "node3"), "status", "--porcelain", "--untracked-files=no") == ""
    assert origin.releases("node3") == [name for name in origin.releases("node1") if name in origin.releases("node3")]


# Permissions


@pytest.mark.slow
def test_a_failed_release_changes_no_mode_of_reused_files(origin: World) -> None:
    assert release(origin, built(origin, COMPOSER)) == 0
    before = (live(origin) / "vendor/installed").stat()
    commit(origin, {})
    modes = {"vendor/installed": "600"}
    assert release(origin, built(origin, COMPOSER, permissions={"modes": modes | {"gone": "600"}})) == 1
    assert (live(origin) / "vendor/installed").stat().st_mode == before.st_mode
    assert release(origin, built(origin, COMPOSER, permissions={"modes": modes})) == 0
    after = (live(origin) / "vendor/installed").stat()
    assert stat.S_IMODE(after.st_mode) == 0o600
    assert after.st_ino != before.st_ino


# Sharing


def test_a_shared_directory_is_seeded_while_it_is_empty(origin: World) -> None:
    (origin.origin / "storage/pictures").mkdir()
    commit(origin, {"storage/pictures/logo.svg": "<svg/>"})
    settings = load(origin.settings | {"shared": {"directories": ["storage"], "seed": ["storage"]}})
    assert release(origin, settings) == 0
    shared = origin.root("node2") / "shared/storage"
    assert (shared / "pictures/logo.svg").read_text() == "<svg/>"
    assert sorted(path.name for path in shared.iterdir()) == [".gitignore", "pictures"]
    (shared / "pictures/logo.svg").write_text("mine")
    commit(origin, {"storage/pictures/logo.svg": "<svg>new</svg>"})
    assert release(origin, settings) == 0
    assert (shared / "pictures/logo.svg").read_text() == "mine"
    assert os.readlink(live(origin, "node2") / "storage") == str(shared)


# Room


@pytest.mark.slow
def test_the_next_release_needs_what_the_last_one_took(origin: World) -> None:
    step = {"name": "big", "run": "mkdir big; head -c 5000000 /dev/zero > big/file; touch big/a big/b big/c"}
    settings = built(origin, step)
    assert release(origin, settings) == 0
    kib, inodes = (live(origin) / ".release/size").read_text().split()
    assert int(kib) >= 4882
    assert int(inodes) >= 5
    free = origin.fleet(settings)
    seen, _ = verbs.inputs(free, "release", Options())
    state = seen.node_states["node1"]
    assert state.release_mb == int(kib) // 1024
    tight = load(origin.settings | {"room": {"disk_mb": state.disk_mb - 1, "inodes": 1, "memory_mb": 1}})
    with pytest.raises(Refused, match=r"room.disk_mb requires \d+, in addition to the 4 that the last release took"):
        verbs.inputs(origin.fleet(tight), "release", Options())


def test_the_oldest_releases_by_name_are_pruned(origin: World) -> None:
    settings = load(origin.settings | {"keep": 3})
    kept = origin.releases("node1")
    for _ in range(2):
        commit(origin, {})
        # the release with the oldest name was touched last
        os.utime(origin.root("node1") / "releases" / origin.releases("node1")[0])
        assert release(origin, settings) == 0
        kept = [*kept, str(origin.live_release("node1"))][-3:]
        assert origin.releases("node1") == kept
