"""How git reaches the origin: each application in its own way, with a shared deploy user. The real scripts."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from orchestrator.config import Settings, load
from orchestrator.facts.revision import Revision
from orchestrator.layout import NodeLayout
from orchestrator.operations.build import build
from orchestrator.operations.fetch import fetch
from orchestrator.provision import node, operations, render
from orchestrator.provision.facts import Account, Earlier
from orchestrator.provision.work import Work
from tests.fakes.git import GIT, git

pytestmark = pytest.mark.exhaustive

ORIGIN = "git@origin:shop.git"
RELEASE = "20260101T120000Z-5d0f0c1"
DEPLOY = Account("/home/deploy", "deploy")


def settings(**source: str) -> Settings:
    return load(
        {
            "app": "shop",
            "source": {"origin": ORIGIN} | source,
            "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
            "marker": {"answers": "all"},
        }
    )


class Machine:
    """A node: every SSH program leads git to an origin in a directory, and notes its own name."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.asked, self.origin = scratch, scratch / "asked", scratch / "origin"
        self.origin.mkdir()
        git(self.origin, "init", "-q", "--initial-branch", "main")
        git(self.origin, "commit", "-q", "--allow-empty", "-m", "first")
        self.revision = git(self.origin, "rev-parse", "HEAD").strip()
        self.config = scratch / "gitconfig"
        self.config.write_text(f"[core]\n\tsshCommand = {self.program('global')}\n")

    def program(self, name: str) -> Path:
        path = self.scratch / name / "ssh"
        path.parent.mkdir()
        serve = shlex.quote(str(self.origin))
        path.write_text(f"#!/bin/sh\necho {name} >>{self.asked}\nfor last; do :; done\nexec ${{last%% *}} {serve}\n")
        path.chmod(0o755)
        return path

    def run(self, command: str) -> str:
        environment = {**os.environ, **GIT, "GIT_CONFIG_GLOBAL": str(self.config)}
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def names(self) -> set[str]:
        """The names of the programs that ran since the last call."""
        names = set(self.asked.read_text().split())
        self.asked.unlink()
        return names

    def fetch(self, app: str, ssh: str) -> Path:
        root = self.scratch / "srv" / app
        (root / "releases").mkdir(parents=True)
        (command,) = fetch._inner(root=str(root), release=RELEASE, origin=ORIGIN, revision=self.revision, ssh=ssh)
        self.run(command.get_raw_value())
        return root / "releases" / RELEASE


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("app", ["shop", "blog"])
def test_each_application_asks_its_origin_in_its_own_way(machine: Machine, app: str) -> None:
    ssh = str(machine.program(app))
    fact = Revision()
    said = machine.run(fact.command(str(machine.scratch), ORIGIN, "main", ssh=ssh).get_raw_value())
    assert fact.process(said.splitlines()).references == {"refs/heads/main": machine.revision}
    assert machine.names() == {app}
    assert machine.fetch(app, ssh).is_dir()
    assert machine.names() == {app}


def test_a_node_that_was_provisioned_before_that_asks_as_it_did(machine: Machine) -> None:
    ssh = str(machine.scratch / "none/ssh")
    machine.run(Revision().command(str(machine.scratch), ORIGIN, "main", ssh=ssh).get_raw_value())
    assert machine.names() == {"global"}
    release = machine.fetch("shop", ssh)
    assert machine.names() == {"global"}
    machine.run(f"git -C {release} ls-remote origin")
    assert machine.names() == {"global"}


def test_users_and_builds_in_a_release_use_the_same_git_login(machine: Machine) -> None:
    release = machine.fetch("shop", str(machine.program("shop")))
    machine.names()
    machine.run(f"git -C {release} ls-remote origin")
    assert machine.names() == {"shop"}
    about: dict[str, Any] = {"root": str(release.parents[1]), "release": RELEASE, "color": "blue", "live": None}
    # such as a package that is in another repository
    for run, asked in (("", "shop"), (f"GIT_SSH_COMMAND={machine.program('mine')} ", "mine")):
        (command,) = build._inner(**about, step="packages", run=f"cd / && {run}git ls-remote git@other:package.git")
        machine.run(command.get_raw_value())
        assert machine.names() == {asked}


def test_a_build_needs_no_git(machine: Machine) -> None:
    release = machine.scratch / "srv/releases" / RELEASE
    release.mkdir(parents=True)
    machine.config.unlink()
    (command,) = build._inner(
        root=str(machine.scratch / "srv"), release=RELEASE, color="blue", live=None, step="s", run="env >env"
    )
    machine.run(command.get_raw_value())
    assert "GIT_CONFIG_COUNT" not in (release / "env").read_text()


@pytest.mark.parametrize("given", [[], ["key"], ["known_hosts"], ["key", "known_hosts"]])
def test_the_options_are_those_of_the_application(tmp_path: Path, given: list[str]) -> None:
    made = settings(**dict.fromkeys(given, "file"))
    (tmp_path / "ssh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    script = render.ssh(made)
    done = subprocess.run(
        ["sh", "-c", script, "ssh", "git@origin", "a 'b'"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    words = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    if "key" in given:
        words += ["-i", "/etc/orchestrator/shop/origin_key", "-o", "IdentitiesOnly=yes"]
    if "known_hosts" in given:
        words += ["-o", "UserKnownHostsFile=/etc/orchestrator/shop/origin_known_hosts"]
    assert done.stdout.splitlines() == [*words, "git@origin", "a 'b'"]


class Recorder(Work):
    """Records the operations that would be run."""

    def __init__(self) -> None:
        super().__init__()
        self.done: dict[str, dict[str, Any]] = {}

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        self.done[what] = arguments
        return True


def test_the_key_is_the_deploy_user_s_in_a_directory_that_is_not(tmp_path: Path) -> None:
    for name in ("key", "hosts"):
        (tmp_path / name).write_text(f"{name}\n")
    work = Recorder()
    node.origin(work, settings(key=str(tmp_path / "key"), known_hosts=str(tmp_path / "hosts")), DEPLOY)
    key, hosts = work.done["key of the origin"], work.done["host keys of the origin"]
    assert key["path"] == "/etc/orchestrator/shop/origin_key"
    assert (key["text"], key["mode"], key["user"]) == ("key\n", "600", "deploy")
    assert hosts["path"] == "/etc/orchestrator/shop/origin_known_hosts"


FORMER = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes"
KEY = " -i /home/deploy/.ssh/origin_key -o IdentitiesOnly=yes"
HOSTS = " -o UserKnownHostsFile=/home/deploy/.ssh/origin_known_hosts"


@pytest.mark.parametrize(
    ("value", "earlier", "goes"),
    [
        (FORMER, [], True),
        (FORMER + KEY + HOSTS, [], True),
        (FORMER + HOSTS, [], True),
        ("", [], False),
        ("ssh -i /home/deploy/.ssh/mine", [], False),
        (FORMER + KEY + " -v", [], False),
        # another application still depends on the setting
        (FORMER + KEY, ["/usr/local/lib/orchestrator/blog"], False),
    ],
)
def test_our_unused_setting_for_all_applications_is_removed(
    value: str, earlier: list[str], goes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = {"GitSetting": value, "Earlier": earlier}

    class Host:
        def get_fact(self, fact: type, **arguments: Any) -> Any:
            return facts[fact.__name__]

        def noop(self, why: str) -> None:
            pass

    monkeypatch.setattr(operations, "host", Host())
    work = Recorder()
    node.forget_former_origin(work, settings(), DEPLOY)
    ((_, arguments),) = work.done.items()
    assert arguments["config"] == "/home/deploy/.gitconfig"
    config, key = tmp_path / "gitconfig", tmp_path / "key"
    config.write_text(f"[core]\n\tsshCommand = mine\n\tabbrev = 12\n\tsshCommand = {value}\n")
    key.write_text("")
    commands = list(operations.no_git_setting._inner(**arguments | {"config": str(config), "files": [str(key)]}))
    for command in commands:
        # the test itself runs as the deploy user
        subprocess.run(["sh", "-c", command.get_raw_value().removeprefix("runuser -u deploy -- ")], check=True)
    assert bool(commands) is goes
    kept = "[core]\n\tsshCommand = mine\n\tabbrev = 12\n"
    assert config.read_text() == (kept if goes else f"{kept}\tsshCommand = {value}\n")
    assert key.exists() is not goes


def test_earlier_applications_have_no_way_of_their_own_yet(tmp_path: Path) -> None:
    for name in ("shop/own", "blog/own", "new/own", "new/ssh", "balancer/guard"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    command = Earlier().command(library=str(tmp_path / "shop")).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert Earlier().process(done.stdout.splitlines()) == [str(tmp_path / "blog")]


def test_the_layout_says_where() -> None:
    layout = NodeLayout("shop", "/srv/shop")
    assert layout.ssh == "/usr/local/lib/orchestrator/shop/ssh"
