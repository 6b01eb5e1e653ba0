"""Each operation does nothing if everything is right, and otherwise only what is needed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import OperationError

from orchestrator.provision import operations
from orchestrator.provision.facts import Entries, Entry, Heirs

Call = Callable[..., list[StringCommand]]


class Host:
    """A host with given answers to facts."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        self.noops: list[str] = []

    def get_fact(self, fact: type, **arguments: Any) -> Any:
        return self.facts[fact.__name__]

    def noop(self, why: str) -> None:
        self.noops.append(why)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call an operation's body on a host with these facts. Returns the commands."""

    def call(operation: Any, facts: dict[str, Any], **arguments: Any) -> list[StringCommand]:
        host = Host(**facts)
        monkeypatch.setattr(operations, "host", host)
        commands: Generator[StringCommand, None, None] = operation._inner(**arguments)
        found = list(commands)
        assert bool(host.noops) is not bool(found)
        return found

    return call


def run(commands: list[StringCommand], user: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
    """Run an operation's commands on this machine, as pyinfra does.

    + user: the user as whom the commands must say that they run; they run as the user of the test
    + path: a directory with programs that are found first
    """
    environment = os.environ | {"PATH": f"{path}:{os.environ['PATH']}"}
    for command in commands:
        stdin = command.connector_arguments.get("_stdin", "")
        assert isinstance(stdin, str)
        text = command.get_raw_value()
        assert not user or text.startswith(f"runuser -u {user} -- env ")
        text = text.removeprefix(f"runuser -u {user} -- ")
        done = subprocess.run(["sh", "-c", text], input=stdin, capture_output=True, text=True, env=environment)
        if done.returncode:
            break
    return done


def entry(path: Path) -> Entry | None:
    done = subprocess.run(
        ["sh", "-c", Entries().command(paths=[str(path)]).get_raw_value()], capture_output=True, text=True
    )
    return Entries().process(done.stdout.splitlines())[str(path)]


def test_entries_of_each_kind(tmp_path: Path) -> None:
    hostile = "x\nnone|/etc/shadow\ny|z"
    (tmp_path / "file |name").write_text("text\n")
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "link").symlink_to(hostile)
    (tmp_path / "other link").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1775)
    names = ["file |name", "link", "empty", "nothing", "sticky", "other link", "pipe"]
    paths = [str(tmp_path / name) for name in names]
    command = Entries().command(paths=paths).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    found = Entries().process(done.stdout.splitlines())
    assert set(found) == set(paths)
    said = [(one.kind, one.content) if one else None for one in map(found.get, paths)]
    assert said == [
        ("file", hashlib.sha256(b"text\n").hexdigest()),
        ("link", "x?none|/etc/shadow?y|z"),
        ("file", hashlib.sha256(b"").hexdigest()),
        None,
        ("directory", ""),
        ("link", "."),
        ("other", ""),
    ]
    assert [one.mode for one in map(found.get, paths) if one][2:4] == ["600", "1775"]


@pytest.fixture
def me(tmp_path: Path) -> dict[str, str]:
    found = entry(tmp_path)
    assert found
    return {"user": found.user, "group": found.group}


def test_a_file_that_is_right_is_left_alone(on: Call) -> None:
    digest = hashlib.sha256(b"text\n").hexdigest()
    facts = {"Entries": {"/f": Entry("file", "root", "root", "644", digest)}}
    assert on(operations.file, facts, path="/f", text="text\n") == []


@pytest.mark.parametrize(
    "there",
    [
        None,
        Entry("file", "root", "root", "644", "0" * 64),
        Entry("file", "deploy", "root", "644", hashlib.sha256(b"text\n").hexdigest()),
        Entry("file", "root", "root", "600", hashlib.sha256(b"text\n").hexdigest()),
        Entry("link", "root", "root", "777", "/elsewhere"),
    ],
)
def test_a_file_that_is_wrong_in_any_way_is_written(on: Call, there: Entry | None) -> None:
    (command,) = on(operations.file, {"Entries": {"/f": there}}, path="/f", text="a secret\n")
    assert command.connector_arguments["_stdin"] == "a secret\n"
    assert "a secret" not in command.get_raw_value()


def test_a_file_is_installed_with_its_mode(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "it's a file"
    commands = on(operations.file, {"Entries": {}}, path=str(path), text="text\n", mode="640", **me)
    assert run(commands).returncode == 0
    assert path.read_text() == "text\n"
    assert entry(path) == Entry("file", me["user"], me["group"], "640", hashlib.sha256(b"text\n").hexdigest())
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_the_checker_refuses_leaves_the_old_one(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    check = 'grep -q good "$candidate" || { echo "not good: $path" >&2; exit 3; }'
    commands = on(operations.file, {"Entries": {}}, path=str(path), text="bad\n", check=check, **me)
    done = run(commands)
    assert (done.returncode, done.stderr) == (3, f"not good: {path}\n")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]
    commands = on(operations.file, {"Entries": {}}, path=str(path), text="good\n", check=check, **me)
    assert run(commands).returncode == 0
    assert path.read_text() == "good\n"


def test_a_candidate_is_checked_and_never_installed(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    check = 'grep -q good "$candidate" || { echo "not good: $path" >&2; exit 3; }'
    for text, status in (("bad\n", 3), ("good\n", 0)):
        done = run(on(operations.candidate, {"Entries": {}}, path=str(path), text=text, check=check, **me))
        assert done.returncode == status
        assert path.read_text() == "old\n"
        assert list(tmp_path.iterdir()) == [path]
    digest = hashlib.sha256(b"good\n").hexdigest()
    right = {"Entries": {str(path): Entry("file", me["user"], me["group"], "644", digest)}}
    assert on(operations.candidate, right, path=str(path), text="good\n", check=check, **me) == []


def test_a_part_of_a_text_is_not_installed(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    (command,) = on(operations.file, {"Entries": {}}, path=str(path), text="the whole text\n", **me)
    command.connector_arguments["_stdin"] = "the who"
    assert run([command]).returncode != 0
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_directories_that_are_right_are_left_alone(on: Call) -> None:
    right = Entry("directory", "deploy", "web", "2775")
    arguments = {"user": "deploy", "group": "web", "mode": "2775"}
    assert on(operations.directories, {"Entries": {"/a": right, "/b": right}}, paths=["/a", "/b"], **arguments) == []
    commands = on(operations.directories, {"Entries": {"/a": right, "/b": None}}, paths=["/a", "/b"], **arguments)
    assert [command.get_raw_value() for command in commands] == [
        "mkdir -p -- /b",
        "chown deploy:web -- /b",
        "chmod 2775 -- /b",
    ]


def test_a_directory_is_not_made_over_something_else(on: Call) -> None:
    with pytest.raises(OperationError, match="/a is a file"):
        on(operations.directories, {"Entries": {"/a": Entry("file", "r", "r", "644", "")}}, paths=["/a"])


def test_directories_keep_their_setgid_bit(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "shared"
    assert run(on(operations.directories, {"Entries": {}}, paths=[str(path)], mode="2775", **me)).returncode == 0
    assert entry(path) == Entry("directory", me["user"], me["group"], "2775")


def test_a_missing_default_acl_is_set(on: Call) -> None:
    both = ["deploy", "www-data"]
    known = {"/a": frozenset({*both, "root"}), "/b": frozenset({"deploy"}), "/c": frozenset()}
    assert on(operations.heirs, {"Heirs": known}, paths=["/a"], users=both, base="/") == []
    (command,) = on(operations.heirs, {"Heirs": known}, paths=["/a", "/b", "/c", "/d d"], users=both, base="/")
    assert command.get_raw_value().endswith("orchestrator / d:u:deploy:rwX,d:u:www-data:rwX b c 'd d'")


def test_the_default_acl_says_who_may_write() -> None:
    said = """\
|/srv/a
user::rwx
user:deploy:rwx
user:reader:r-x
user:www-data:rw-
group::rwx
mask::rwx
other::r-x

|/srv/b"""
    assert Heirs().process(said.splitlines()) == {
        "/srv/a": frozenset({"deploy", "www-data"}),
        "/srv/b": frozenset(),
    }


def test_a_link_is_only_made_where_there_is_none(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "live"
    arguments = {"path": str(path), "target": "blue", "user": me["user"]}
    assert run(on(operations.first_link, {"Entries": {str(path): None}}, **arguments), me["user"]).returncode == 0
    found = entry(path)
    assert found
    assert (found.kind, found.content) == ("link", "blue")
    moved = Entry("link", "deploy", "deploy", "777", "green")
    assert on(operations.first_link, {"Entries": {str(path): moved}}, **arguments) == []


def test_state_is_only_written_where_there_is_none(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    path = tmp_path / "m"
    arguments = {"path": str(path), "text": "green 0\n", "by": "deploy", **me}
    there = Entry("file", "deploy", "deploy", "600", "0" * 64)
    assert on(operations.first_file, {"Entries": {str(path): there}}, **arguments) == []
    commands = on(operations.first_file, {"Entries": {str(path): None}}, **arguments)
    assert run(commands, "deploy").returncode == 0
    assert path.read_text() == "green 0\n"
    (command,) = on(operations.first_file, {"Entries": {}}, **arguments | {"by": "root"})
    assert command.get_raw_value().startswith("sh -c ")


def test_a_map_of_root_s_is_left_alone(on: Call) -> None:
    about = {"path": "/s/weights.map", "weight": 100, "user": "deploy", "group": "of-deploy"}
    right = Entry("file", "root", "of-deploy", "664", "0" * 64)
    assert on(operations.weights_map, {"Entries": {"/s/weights.map": right}}, **about) == []
    for there in (
        None,
        Entry("file", "deploy", "deploy", "644", "0" * 64),
        Entry("link", "deploy", "deploy", "777", "x"),
    ):
        (command,) = on(operations.weights_map, {"Entries": {"/s/weights.map": there}}, **about)
        assert command.get_raw_value().endswith("orchestrator /s/weights.map 100 deploy of-deploy")


def test_new_keys_are_added_to_those_that_may_log_in(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    file = tmp_path / ".ssh/authorized_keys"
    about = {"user": me["user"], "home": str(tmp_path), "keys": ["ssh-ed25519 A ann", "ssh-ed25519 B bob"]}
    assert run(on(operations.authorized_keys, {"AuthorizedKeys": []}, **about), me["user"]).returncode == 0
    assert file.read_text() == "ssh-ed25519 A ann\nssh-ed25519 B bob\n"
    assert (file.parent.stat().st_mode & 0o7777, file.stat().st_mode & 0o7777) == (0o700, 0o600)
    assert on(operations.authorized_keys, {"AuthorizedKeys": file.read_text().splitlines()}, **about) == []
    file.write_text("ssh-ed25519 B bob")
    known = {"AuthorizedKeys": ["ssh-ed25519 B bob"]}
    assert run(on(operations.authorized_keys, known, **about), me["user"]).returncode == 0
    assert file.read_text() == "ssh-ed25519 B bob\nssh-ed25519 A ann\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A directory outside the application, which no operation may change."""
    path = tmp_path / "secret"
    (path / "inside").mkdir(parents=True)
    path.chmod(0o700)
    return path


def is_unchanged(secret: Path) -> bool:
    return secret.stat().st_mode & 0o7777 == 0o700 and [path.name for path in secret.iterdir()] == ["inside"]


def below(on: Call, base: Path, me: dict[str, str], *names: str) -> list[StringCommand]:
    """Return the commands that make shared directories."""
    paths = [f"{base}/{name}" for name in names]
    return on(operations.directories_below, {"Entries": {}}, base=f"{base}/", paths=paths, mode="2775", **me)


def test_directories_below_are_made_with_their_modes(on: Call, tmp_path: Path, me: dict[str, str]) -> None:
    base = tmp_path / "shop"
    base.mkdir()
    # above the application, an administrator may have made links
    (tmp_path / "srv").symlink_to(tmp_path)
    for _ in range(2):
        assert run(below(on, tmp_path / "srv/shop", me, "shared", "shared/a b", "shared//a b/c")).returncode == 0
    for name in ("shared", "shared/a b", "shared/a b/c"):
        assert entry(base / name) == Entry("directory", me["user"], me["group"], "2775")


@pytest.mark.parametrize("to", ["{secret}", "../../secret"])
def test_no_link_below_the_application_is_followed(
    on: Call, tmp_path: Path, me: dict[str, str], secret: Path, to: str
) -> None:
    shared = tmp_path / "shop/shared"
    shared.mkdir(parents=True)
    (shared / "storage").symlink_to(to.format(secret=secret))
    for names in (["shared/storage/inside"], ["shared/storage/new"], ["shared/storage"]):
        done = run(below(on, tmp_path / "shop", me, *names))
        assert done.returncode == 1
        assert f"{shared}/storage is a link to {secret}, not a directory" in done.stderr
        assert is_unchanged(secret)
    heirs = {"base": str(tmp_path / "shop"), "paths": [f"{shared}/storage"], "users": ["www-data"]}
    assert run(on(operations.heirs, {"Heirs": {}}, **heirs)).returncode == 1


@pytest.mark.parametrize("command", ["mkdir", "chown", "chmod", "setfacl"])
def test_a_directory_swapped_for_a_link_changes_nothing(
    on: Call, tmp_path: Path, me: dict[str, str], secret: Path, command: str
) -> None:
    shop, programs = tmp_path / "shop", tmp_path / "bin"
    storage = shop / "shared/storage"
    programs.mkdir()
    storage.mkdir(parents=True)
    for name in ("mkdir", "chown", "chmod", "setfacl"):
        swap = f"mv {storage} {storage}.old; ln -s {secret} {storage}" if name == command else ":"
        # the arguments are noted, and each program but setfacl does its work
        work = ":" if name == "setfacl" else f'PATH=/usr/bin:/bin exec {name} "$@"'
        (programs / name).write_text(f'#!/bin/sh\n({swap}) 2>/dev/null\necho "$PWD" "$@" >>{tmp_path}/said\n{work}\n')
        (programs / name).chmod(0o755)
    run(below(on, shop, me, "shared/storage", "shared/storage/new", "shared/storage/newer"), path=str(programs))
    heirs = {"base": str(shop), "paths": [str(storage)], "users": ["www-data"]}
    run(on(operations.heirs, {"Heirs": {}}, **heirs), path=str(programs))
    assert storage.is_symlink()
    assert is_unchanged(secret)
    said = (tmp_path / "said").read_text().splitlines()
    assert any(f" {word}" in line for line in said for word in ("./new", "."))
    assert not any(line.startswith(str(secret)) for line in said)


def test_absent(on: Call) -> None:
    assert on(operations.absent, {"Entries": {"/f": None}}, path="/f") == []
    assert len(on(operations.absent, {"Entries": {"/f": Entry("link", "r", "r", "777", "x")}}, path="/f")) == 1


def test_load_remembers_only_what_a_working_service_has_read(
    on: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf, stamp = tmp_path / "conf", tmp_path / "stamp"
    conf.write_text("a\n")
    arguments: dict[str, Any] = {"process": "x", "ports": [], "files": [str(conf)], "stamp": str(stamp)}
    monkeypatch.setattr(operations, "host", Host())
    assert run(list(operations.load._inner(command="false", **arguments))).returncode != 0
    assert not stamp.exists()
    assert run(list(operations.load._inner(command="true", **arguments))).returncode == 0
    assert subprocess.run(["sha256sum", "--check", "--status", str(stamp)]).returncode == 0


def test_a_link_of_ours_is_made_and_renamed_over_an_older_one(on: Call, tmp_path: Path) -> None:
    path = tmp_path / "tls.pem"
    for target, entry in [("first", None), ("second", Entry("link", "root", "root", "777", "first"))]:
        commands = on(operations.link, {"Entries": {str(path): entry}}, path=str(path), target=target)
        assert run(commands).returncode == 0
        assert path.readlink() == Path(target)
    facts = {"Entries": {str(path): Entry("link", "root", "root", "777", "second")}}
    assert on(operations.link, facts, path=str(path), target="second") == []
    with pytest.raises(OperationError, match="is a file, not a link"):
        on(operations.link, {"Entries": {"/p": Entry("file", "root", "root", "644")}}, path="/p", target="t")


def test_only_nodes_that_are_not_barred_yet_are_barred(on: Call) -> None:
    known = {"Barred": ["10.0.0.1"]}
    assert on(operations.barred, known, bar="/lib/bar", addresses=["10.0.0.1"]) == []
    (command,) = on(operations.barred, known, bar="/lib/bar", addresses=["10.0.0.1", "fd00::2"])
    assert command.get_raw_value() == "/lib/bar fd00::2 on"
