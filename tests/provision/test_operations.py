"""Each operation does nothing if everything is right, and otherwise only what is needed."""

from __future__ import annotations

import hashlib
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


def run(commands: list[StringCommand]) -> subprocess.CompletedProcess[str]:
    """Run an operation's commands on this machine, as pyinfra does."""
    for command in commands:
        stdin = command.connector_arguments.get("_stdin", "")
        assert isinstance(stdin, str)
        done = subprocess.run(["sh", "-c", command.get_raw_value()], input=stdin, capture_output=True, text=True)
        if done.returncode:
            break
    return done


def entry(path: Path) -> Entry | None:
    done = subprocess.run(
        ["sh", "-c", Entries().command(paths=[str(path)]).get_raw_value()], capture_output=True, text=True
    )
    return Entries().process(done.stdout.splitlines())[str(path)]


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
    assert on(operations.heirs, {"Heirs": known}, paths=["/a"], users=both) == []
    (command,) = on(operations.heirs, {"Heirs": known}, paths=["/a", "/b", "/c", "/d d"], users=both)
    assert command.get_raw_value() == "setfacl -m d:u:deploy:rwX,d:u:www-data:rwX -- /b /c '/d d'"


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
    arguments = {"path": str(path), "target": "blue", **me}
    assert run(on(operations.first_link, {"Entries": {str(path): None}}, **arguments)).returncode == 0
    found = entry(path)
    assert found
    assert (found.kind, found.content) == ("link", "blue")
    moved = Entry("link", "deploy", "deploy", "777", "green")
    assert on(operations.first_link, {"Entries": {str(path): moved}}, **arguments) == []


def test_state_is_only_written_where_there_is_none(on: Call) -> None:
    arguments = {"path": "/m", "text": "green 0\n", "user": "deploy", "group": "deploy"}
    there = Entry("file", "deploy", "deploy", "600", "0" * 64)
    assert on(operations.first_file, {"Entries": {"/m": there}}, **arguments) == []
    assert len(on(operations.first_file, {"Entries": {"/m": None}}, **arguments)) == 1


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
