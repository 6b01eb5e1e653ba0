"""The scripts that the deploy user may run as root, run as installed: they give no other user root's rights."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.operations.permit import permit
from orchestrator.provision import render
from tests.fakes.swapper import plant, swapping

pytestmark = pytest.mark.exhaustive

RELEASE = "20260101T120000Z-5d0f0c1"
OTHER = "20260101T130000Z-aaaaaaa"
ROOT = os.getuid() == 0
DEPLOY = "nobody" if ROOT else pwd.getpwuid(os.getuid()).pw_name
WEB = "www-data" if ROOT else DEPLOY

as_root = pytest.mark.skipif(not ROOT, reason="only root may give files away")


class Node:
    """A node with a release that belongs to the deploy user, and files of root outside the application."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.root, self.secrets = scratch, scratch / "srv/shop", scratch / "secrets"
        self.releases, self.bin = self.root / "releases", scratch / "bin"
        for path in (self.releases / RELEASE / "config", self.secrets / "config", self.bin):
            path.mkdir(parents=True)
        for path in (self.releases / RELEASE, self.secrets):
            for name in (".env", "config/env", "config/shadow"):
                (path / name).write_text(f"of {path.name}\n")
                (path / name).chmod(0o600)
        if ROOT:
            subprocess.run(["chown", "-R", f"{DEPLOY}:", str(self.root)], check=True)

    def run(
        self, name: str, *words: str, env: str = ".env", group: str | None = None, slash: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a script, rendered for this environment file, group and end of the root path."""
        raw = {
            "app": "shop",
            "root": f"{self.root}{slash}",
            "user": DEPLOY,
            "web_user": WEB,
            "source": {"origin": "git@origin:shop.git"},
            "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
            "marker": {"answers": "all"},
            "environment": {"file": "env", "path": env},
            "permissions": {"group": group},
        }
        # an application may not be in a temporary directory: settings of a journal are loaded without this rule
        text = render.node_scripts(load(raw, recorded=True))[name]
        path = f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(["sh", "-c", text, name, *words], env={"PATH": path}, capture_output=True)

    def own(self, release: str = RELEASE, env: str = ".env", group: str = "") -> subprocess.CompletedProcess[bytes]:
        return self.run("own", release, env, WEB, group, env=env, group=group or None)

    def before(self, command: str, script: str) -> None:
        """Make something happen right before a command does its work."""
        path = self.bin / command
        path.write_text(f'#!/bin/sh\n({script}) 2>/dev/null\nexec {shutil.which(command)} "$@"\n')
        path.chmod(0o755)

    def is_unharmed(self) -> None:
        """Assert that root's files are unchanged."""
        for path in [self.secrets, *self.secrets.rglob("*")]:
            found = path.lstat()
            assert (found.st_uid, found.st_gid) == (os.getuid(), os.getgid()), path
            assert stat.S_IMODE(found.st_mode) == (0o600 if path.is_file() else 0o755), path


@pytest.fixture
def node() -> Iterator[Node]:
    # not below pytest's own directory, which other users cannot enter
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        yield Node(Path(scratch))


def owners(path: Path) -> tuple[str, str, int]:
    found = path.lstat()
    return path.owner(), path.group(), stat.S_IMODE(found.st_mode)


@as_root
@pytest.mark.parametrize("env", [".env", "config/env"])
def test_an_environment_file_is_given_to_its_owner(node: Node, env: str) -> None:
    done = node.own(env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert owners(node.releases / RELEASE / env)[::2] == (WEB, 0o600)
    # and once more, now that the file has its owner
    assert node.own(env=env).returncode == 0


@as_root
def test_a_release_may_have_no_environment_file_to_give_away(node: Node) -> None:
    (node.releases / RELEASE / ".env").unlink()
    assert node.own().returncode == 0


@as_root
def test_files_get_the_group_unless_linked_or_the_web_user_s(node: Node) -> None:
    release, other = node.releases / RELEASE, node.releases / OTHER
    other.mkdir()
    for name, target in (("out", "/nowhere"), ("link", "config")):
        (release / name).symlink_to(target)
        os.lchown(release / name, *pwd.getpwnam(DEPLOY)[2:4])
    os.link(release / "config/shadow", other / "shadow")
    (release / "cache").mkdir()
    (release / "cache/page").write_text("")
    for path in (release / "cache", release / "cache/page"):
        shutil.chown(path, WEB, WEB)
        path.chmod(0o700)
    done = node.own(group="www-data")
    assert (done.returncode, done.stderr) == (0, b"")
    for name in (".", ".env", "config", "config/env", "out", "link"):
        assert (release / name).lstat().st_gid == pwd.getpwnam("www-data").pw_gid, name
    assert (other / "shadow").group() != "www-data"
    assert owners(release / ".env") == (WEB, "www-data", 0o600)
    assert owners(release / "config") == (DEPLOY, "www-data", 0o755)
    assert owners(release / "cache/page") == (WEB, "www-data", 0o700)


@pytest.mark.parametrize("id", ["", ".", "..", "etc", "root", "secrets", f"{RELEASE}/config", f"{RELEASE}\n", "-x"])
@pytest.mark.parametrize("name", ["own", "pack", "remove"])
def test_only_what_looks_like_a_release_is_one(node: Node, name: str, id: str) -> None:
    (node.releases / "secrets").symlink_to(node.secrets)
    done = node.run(name, id, *([".env", WEB, ""] if name == "own" else []))
    assert (done.returncode, done.stdout) == (64, b"")
    assert b"not a release" in done.stderr
    node.is_unharmed()


@pytest.mark.parametrize("group", ["", "www-data"])
def test_no_link_in_place_of_a_release_leads_out(node: Node, group: str) -> None:
    (node.releases / OTHER).symlink_to(node.secrets)
    assert node.own(OTHER, group=group).returncode == 1
    node.is_unharmed()


@pytest.mark.parametrize("group", ["", "www-data"])
@pytest.mark.parametrize("place", ["releases", pytest.param("root", marks=as_root)])
def test_no_link_above_a_release_leads_out(node: Node, place: str, group: str) -> None:
    shutil.copytree(node.secrets, node.scratch / "elsewhere/releases" / RELEASE)
    away, to = (node.releases, "elsewhere/releases") if place == "releases" else (node.root, "elsewhere")
    away.rename(away.with_name("moved"))
    away.symlink_to(node.scratch / to)
    there = node.scratch / "elsewhere/releases" / RELEASE
    half = there.with_name(f".{RELEASE}.part")
    half.mkdir()
    before = owners(there / ".env")
    assert node.own(group=group).returncode == 1
    packed = node.run("pack", RELEASE)
    assert (packed.returncode, packed.stdout) == (1, b"")
    assert node.run("remove", RELEASE).returncode == 1
    assert owners(there / ".env") == before
    assert half.is_dir()


@pytest.mark.parametrize("env", [".env", "config/env"])
def test_an_environment_file_that_is_a_link_is_nobodys(node: Node, env: str) -> None:
    path = node.releases / RELEASE / env
    path.unlink()
    path.symlink_to(node.secrets / env)
    done = node.own(env=env)
    said = f"own: release {RELEASE} has no file {env} of its own with mode 600\n"
    assert (done.returncode, done.stderr.decode()) == (1, said)
    path.unlink()
    os.link(node.secrets / env, path)
    assert node.own(env=env).returncode == 1
    node.is_unharmed()


def test_an_environment_file_behind_a_link_is_nobodys(node: Node) -> None:
    directory = node.releases / RELEASE / "config"
    directory.rename(directory.with_name("moved"))
    directory.symlink_to(node.secrets / "config")
    assert node.own(env="config/env").returncode == 1
    node.is_unharmed()


def test_a_readable_environment_file_is_not_given_away(node: Node) -> None:
    (node.releases / RELEASE / ".env").chmod(0o640)
    done = node.own()
    assert (done.returncode, b"mode 600" in done.stderr) == (1, True)


@as_root
@pytest.mark.parametrize("command", ["chown", "chmod"])
def test_an_environment_swapped_for_a_link_gives_nothing_away(node: Node, command: str) -> None:
    env = node.releases / RELEASE / ".env"
    (node.secrets / ".env").chmod(0o644)
    node.before(command, f"ln -sf {node.secrets}/.env {env}")
    node.own()
    assert owners(node.secrets / ".env") == ("root", "root", 0o644)


@as_root
@pytest.mark.parametrize("command", ["setpriv", "perl"])
def test_a_directory_swapped_for_a_link_gives_nothing_away(node: Node, command: str) -> None:
    config = node.releases / RELEASE / "config"
    node.before(command, f"mv {config} {config}.old; ln -s {node.secrets}/config {config}")
    node.own(group="www-data")
    assert config.is_symlink()
    node.is_unharmed()


@as_root
def test_links_that_are_swapped_all_the_time_lead_nowhere(node: Node) -> None:
    cache, home = node.releases / RELEASE / "cache", node.root / "home"
    plant(cache, home)
    for path in (cache, *cache.rglob("*"), home, home / "keys"):
        os.lchown(path, *pwd.getpwnam(DEPLOY)[2:4])
    before = [owners(path) for path in (home, home / "keys")]
    with swapping(cache):
        for _ in range(15):
            assert node.own(group="www-data").returncode == 0
            assert [owners(path) for path in (home, home / "keys")] == before
    assert node.own(group="www-data").returncode == 0
    assert {path.lstat().st_gid for path in (cache, *cache.rglob("*"))} == {pwd.getpwnam("www-data").pw_gid}


def test_a_release_is_packed_without_what_is_of_this_node(node: Node) -> None:
    release = node.releases / RELEASE
    (release / ".release").mkdir()
    for name in ("checked", "tree"):
        (release / ".release" / name).write_text("x\n")
    (release / ".git").write_text("gitdir: elsewhere\n")
    (release / ".gitignore").write_text("x\n")
    (release / "config/.git").mkdir()
    (release / "out").symlink_to(node.secrets)
    done = node.run("pack", RELEASE)
    assert (done.returncode, done.stderr) == (0, b"")
    listed = subprocess.run(["tar", "-t"], input=done.stdout, capture_output=True, check=True).stdout.decode()
    assert sorted(listed.splitlines()) == [
        f"{RELEASE}/{name}"
        for name in (
            *("", ".env", ".gitignore", ".release/", ".release/tree"),
            *("config/", "config/.git/", "config/env", "config/shadow", "out"),
        )
    ]


def test_half_a_release_is_removed(node: Node) -> None:
    half = node.releases / f".{RELEASE}.part"
    (half / "cache").mkdir(parents=True)
    assert node.run("remove", RELEASE).returncode == 0
    assert not half.exists()
    assert (node.releases / RELEASE).is_dir()


@pytest.mark.parametrize("link", ["srv", "srv/shop"])
def test_an_application_may_be_behind_an_administrators_link(node: Node, link: str) -> None:
    place = node.scratch / link
    place.rename(node.scratch / "data")
    place.symlink_to(node.scratch / "data")
    packed = node.run("pack", RELEASE)
    assert (packed.returncode, packed.stderr) == (0, b"")
    (node.releases / f".{RELEASE}.part").mkdir()
    assert node.run("remove", RELEASE).returncode == 0
    assert not (node.releases / f".{RELEASE}.part").exists()
    if ROOT:
        assert node.own(group="www-data").returncode == 0
        assert owners(node.releases / RELEASE / ".env") == (WEB, "www-data", 0o600)


def test_only_the_owner_reads_the_environment_for_any_file_mode(node: Node) -> None:
    if ROOT:
        # the test itself runs as the deploy user
        subprocess.run(["chown", "-R", "root:", str(node.root)], check=True)
    sudo = node.bin / "sudo"
    sudo.write_text('#!/bin/sh\nshift 2\nfind "$PWD/$2" -printf "%m %P\\n"\n')
    sudo.chmod(0o755)
    (command,) = permit._inner(
        root=str(node.root),
        release=RELEASE,
        own="/own",
        web_user=WEB,
        environment=".env",
        environment_owner=WEB,
        files="640",
        modes={".env": "644"},
    )
    path = f"{node.bin}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", command.get_raw_value()], env={"PATH": path}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "600 \n")
    assert stat.S_IMODE((node.releases / RELEASE / "config/env").stat().st_mode) == 0o640


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("link", ["", "srv", "srv/shop"])
@pytest.mark.parametrize("data", ["data", "d.a*t[a]|\\d"])
def test_a_process_directory_is_in_use_wherever_the_app_is(node: Node, link: str, slash: str, data: str) -> None:
    if link:
        place = node.scratch / link
        place.rename(node.scratch / data)
        place.symlink_to(node.scratch / data)
    with subprocess.Popen(["sleep", "60"], cwd=node.releases / RELEASE / "config") as process:
        done = node.run("used", slash=slash)
        process.kill()
    assert (done.returncode, done.stdout.decode()) == (0, f"{RELEASE} {process.pid}\n")
    assert node.run("used", slash=slash).stdout == b""


def test_processes_outside_the_releases_do_not_count(node: Node) -> None:
    node.releases.rename(node.root / "moved")
    node.releases.symlink_to(node.secrets)
    with subprocess.Popen(["sleep", "60"], cwd=node.secrets / "config") as process:
        done = node.run("used")
        process.kill()
    assert (done.returncode, done.stdout) == (1, b"")
