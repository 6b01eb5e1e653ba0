"""Kinds of sources on the fleet: every node gets the same bytes, or no traffic moves."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fleet as tool
import fleet_origin
import pytest

from tests.fakes.git import git
from tests.fleet.running import Fleet
from tests.fleet.safety import Snapshot, snapshot

# hashes of a version's files, made without the product
HASH = """
set -f
of_it='( -path ./.git -o -path ./.release -o -path ./storage -o -path ./public/build ) -prune -o'
find . $of_it -printf '%y %p %l\\n' | sort
find . $of_it -type f -exec sha256sum {} + | sort
find . $of_it -type f -perm -u+x -print | sort
"""

SERVER = """<?php
$file = __DIR__ . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!is_file($file) || $_SERVER['PHP_AUTH_PW'] !== 'h1dden-password' || $_GET['signature'] !== 'h1dden-signature') {
    http_response_code(403);
    exit;
}
readfile($file);
if ($_SERVER['REMOTE_ADDR'] === @file_get_contents(__DIR__ . '/deceived')) {
    echo "\\0";
}
"""


class Place:
    """The application as a repository here, its tarballs at a web server on the origin's host."""

    def __init__(self, fleet: Fleet, path: Path) -> None:
        self.fleet = fleet
        self.path = path
        self.checkout = path / "shop"
        self.checkout.mkdir()
        fleet_origin.make_repository(self.checkout)
        self.git("checkout", "-q", "main")
        for version in ("v1", "v2"):
            self.git("archive", "--prefix=shop/", "-o", str(path / f"shop-{version}.tar.gz"), version)
        self.said = ""

    def git(self, *words: str) -> str:
        return subprocess.check_output(["git", "-C", str(self.checkout), *words], text=True).strip()

    def sha256(self, version: str) -> str:
        return hashlib.sha256((self.path / f"shop-{version}.tar.gz").read_bytes()).hexdigest()

    def release(self, source: dict[str, Any] | None, *data: str, **more: Any) -> int:
        settings = {**({"source": source} if source else {}), **more}
        words = [word for one in data for word in ("--data", one)]
        done = self.fleet.pyinfra("deploys/release.py", "-y", "-vvv", *words, SETTINGS=json.dumps(settings))
        self.said = done.stdout + done.stderr
        return done.returncode

    def hashes(self) -> set[str]:
        """The hashes of the live release on each node."""
        command = f"cd -P /srv/shop/live/release && {HASH}"
        return {self.fleet.exec(node["name"], command).stdout for node in self.fleet.nodes}

    def of_checkout(self) -> str:
        return subprocess.check_output(["sh", "-c", HASH], cwd=self.checkout, text=True)

    @functools.cache  # noqa: B019 (there is one)
    def meant(self, version: str) -> str:
        """The hashes of the version's files in git."""
        made = self.path / f"meant-{version}"
        made.mkdir()
        shutil.unpack_archive(self.path / f"shop-{version}.tar.gz", made, filter="tar")
        return subprocess.check_output(["sh", "-c", HASH], cwd=made / "shop", text=True)


@pytest.fixture(scope="module")
def files(bare_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(bare_fleet, tmp_path_factory.mktemp("sources"))
    (made.path / "www").mkdir()
    (made.path / "www/index.php").write_text(SERVER)
    for version in ("v1", "v2"):
        shutil.copy(made.path / f"shop-{version}.tar.gz", made.path / "www")
    return made


@pytest.fixture
def place(fleet: Fleet, before: Snapshot, files: Place) -> Iterator[Place]:
    origin = fleet.container("origin")
    fleet.docker("cp", str(files.path / "www"), f"{origin}:/srv/www")
    fleet.docker("exec", "-d", origin, "sh", "-c", "echo $$ >/run/www; exec php -S 0.0.0.0:8000 /srv/www/index.php")
    yield files
    fleet.exec("origin", "kill $(cat /run/www); rm -r /srv/www")


URL = "http://user:h1dden-password@origin:8000/shop-{ref}.tar.gz?signature=h1dden-signature"
BUILD = {
    "name": "assets",
    "run": "mkdir -p public/build && echo built >public/build/app.css",
    "on": "operator",
    "inputs": ["public/*.php"],
    "outputs": ["public/build"],
}

KINDS: dict[str, Callable[[Place], tuple[dict[str, Any], list[str]]]] = {
    "archive by URL": lambda place: (
        {"kind": "archive", "url": URL, "strip": 1},
        ["ref=v1", f"sha256={place.sha256('v1')}"],
    ),
    "archive from a file": lambda place: (
        {"kind": "archive", "file": f"{place.path}/shop-{{ref}}.tar.gz", "strip": 1},
        ["ref=v2"],
    ),
    "artifact": lambda place: ({"kind": "artifact", "checkout": str(place.checkout)}, ["ref=v1"]),
    "directory": lambda place: ({"kind": "directory", "path": str(place.checkout), "exclude": ["*.log"]}, []),
}


# a tag that moves and a tarball that differs on one node (below) need the other sources
SLOW = ("archive by URL", "archive from a file", "artifact")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in KINDS]
)
def test_every_node_gets_the_same_bytes(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.path / "cache"))
    source, data = KINDS[kind](place)
    if kind == "directory":
        (place.checkout / "public/.release").mkdir()
        (place.checkout / "public/.release/told").write_text("told to nobody\n")
    build = [BUILD] if kind == "artifact" else []
    assert place.release(source, *data, build=build) == 0, place.said
    wanted = place.of_checkout() if kind == "directory" else place.meant("v1" if "ref=v1" in data else "v2")
    assert place.hashes() == {wanted}
    assert "h1dden" not in place.said
    for node in place.fleet.nodes:
        built = place.fleet.exec(node["name"], "cat /srv/shop/live/release/public/build/app.css")
        assert (built.stdout == "built\n") == bool(build)
        for path in ("/.release/told", "/.release/tree", "/.git", "/.git/HEAD"):
            told = place.fleet.exec(
                node["name"], f"curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1:8080{path}"
            )
            assert told.stdout == "404", path


def test_a_tarball_that_differs_on_one_node_moves_no_traffic(place: Place) -> None:
    before = snapshot(place.fleet)
    address = next(one["address"] for one in place.fleet.known["layout"]["servers"] if one["name"] == "node2")
    place.fleet.exec("origin", f"printf %s {address} >/srv/www/deceived")
    source = {"kind": "artifact", "url": URL, "strip": 1, "ref": "v1", "sha256": place.sha256("v1")}
    assert place.release(source) == 1, place.said
    assert f"node2: the archive has the SHA-256 {hashlib.sha256(_other(place)).hexdigest()}, but" in place.said
    assert snapshot(place.fleet) == before
    place.fleet.exec("origin", "rm /srv/www/deceived")


def _other(place: Place) -> bytes:
    return (place.path / "shop-v1.tar.gz").read_bytes() + b"\0"


@pytest.mark.slow
def test_an_incomplete_upload_moves_no_traffic(place: Place, broken: Callable[[str, str, str], None]) -> None:
    before = snapshot(place.fleet)
    # rsync reports success, and a file has lost its end
    lose = "truncate -s -1 /srv/shop/releases/.*.part/public/index.php"
    worse = f'#!/bin/sh\\n/usr/bin/rsync.real "$@" && {lose}\\n'
    command = f"cp /usr/bin/rsync /usr/bin/rsync.real && printf '{worse}' >/usr/bin/rsync"
    broken("node3", command, "mv /usr/bin/rsync.real /usr/bin/rsync")
    assert place.release({"kind": "directory", "path": str(place.checkout)}) == 1, place.said
    assert "fetch failed on node3: the release did not arrive whole" in place.said
    assert snapshot(place.fleet) == before


def test_a_tag_that_moves_under_a_run_moves_no_node(place: Place) -> None:
    """git on the nodes sees no change after a pull, though storage is a link."""
    fleet, origin = place.fleet, place.fleet.container("origin")
    commits = {version: place.git("rev-parse", f"{version}^{{commit}}") for version in ("v1", "v2")}
    tag = f"docker exec -u git {origin} git --git-dir={tool.REPOSITORY} tag -f moving"
    subprocess.run(["sh", "-c", f"{tag} {commits['v1']}"], check=True)
    hook = {"before": "fetch", "on": "operator", "run": f"{tag} {commits['v2']}"}
    assert place.release(None, "ref=moving", hooks=[hook]) == 0, place.said
    assert place.hashes() == {place.meant("v1")}

    def git(*words: str) -> str:
        done = fleet.ssh("node1", f"cd /srv/shop/live/release && git {' '.join(words)}", "deploy")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    fleet.ssh("node1", "echo theirs >/srv/shop/shared/storage/.gitignore", "deploy")
    assert git("rev-parse", "HEAD") == commits["v1"]
    assert git("status", "--porcelain") == ""
    git("pull", "-q", "origin", "main")
    assert git("rev-parse", "HEAD") == commits["v2"]
    assert git("status", "--porcelain") == ""
    git("checkout", "-q", commits["v1"])
    shared = fleet.ssh("node1", "cat /srv/shop/shared/storage/.gitignore; ls -A /srv/shop/shared/storage", "deploy")
    assert shared.stdout.split()[:2] == ["theirs", ".gitignore"]
    fleet.ssh("node1", "rm /srv/shop/shared/storage/.gitignore", "deploy")
    assert fleet.ssh("node1", "readlink /srv/shop/live/release/storage").stdout == "/srv/shop/shared/storage\n"


@pytest.mark.slow
def test_every_node_gets_the_files_of_nested_submodules(place: Place, tmp_path: Path) -> None:
    """The nodes fetch them with the origin's key, from URLs that are relative to the origin's URL."""
    fleet, known = place.fleet, place.fleet.known["origin"]
    ssh = shlex.join(["ssh", *tool.ssh_options(fleet.dir)])
    repositories = tool.REPOSITORY.rpartition("/")[0]

    def pushed(name: str, path: str, url: str, commit: str) -> str:
        """Commit a submodule, and push the repository to the origin. Returns the commit."""
        here = tmp_path / name
        (here / ".gitmodules").write_text(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
        git(here, "add", "-A")
        if commit:
            git(here, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        git(here, "commit", "-q", "-m", "with a submodule")
        fleet.docker(
            "exec", "-u", "git", fleet.container("origin"), "git", "init", "-q", "--bare", f"{repositories}/{name}.git"
        )
        place_of = f"ssh://git@127.0.0.1:{known['ssh_port']}{repositories}/{name}.git"
        git(here, "-c", f"core.sshCommand={ssh}", "push", "-q", "--force", place_of, "HEAD:refs/heads/with-submodules")
        return git(here, "rev-parse", "HEAD").strip()

    for name in ("inner", "outer"):
        git(tmp_path, "init", "-q", name)
        (tmp_path / name / "named.php").write_text(f"<?php return '{name}';\n")
    git(tmp_path, "clone", "-q", "--branch", "v1", str(place.checkout), "shop")
    inner = pushed("inner", "none", "../none", "")
    outer = pushed("outer", "deeper/inner", "../inner.git", inner)
    revision = pushed("shop", "libs/outer", "./../outer.git", outer)
    source = {"origin": known["url"], "known_hosts": known["known_hosts"], "key": known["key"]}
    assert place.release(source, "ref=with-submodules") == 0, place.said
    line = (
        "the version has submodules (libs/outer), whose directories stay empty, because the setting source.submodules"
    )
    assert f"warning: node1, node2, node3: {line} is off" in place.said
    assert place.release({**source, "submodules": True}, "ref=with-submodules") == 0, place.said
    assert not re.search(r"^ *warning: node", place.said, re.MULTILINE), place.said
    look = "cd /srv/shop/live/release && git rev-parse HEAD && git status --porcelain && cat libs/outer/named.php"
    for node in fleet.nodes:
        done = fleet.ssh(node["name"], f"{look} libs/outer/deeper/inner/named.php", "deploy")
        assert done.stdout == f"{revision}\n<?php return 'outer';\n<?php return 'inner';\n", done.stderr
    assert len(place.hashes()) == 1
