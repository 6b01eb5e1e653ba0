"""What provisioning would change on a host is found out by the operations themselves, and none of them runs."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import OperationError
from pyinfra.context import ctx_host
from pyinfra.operations import server, systemd

from orchestrator.errors import StepFailed
from orchestrator.provision import operations
from orchestrator.provision.facts import Account, Current, Entries, Entry, Heirs
from orchestrator.provision.planned import Change, Planned

RIGHT = Entry("file", "root", "root", "644", hashlib.sha256(b"right\n").hexdigest())
NO_USERS: dict[str, Any] = {"Users": {}, "Groups": [], "Os": "Linux", "Which": "useradd", "Directory": None}
DIRECTORY = Entry("directory", "root", "root", "755")


class Host:
    """A host with given answers to facts. It cannot run anything."""

    name = "node1"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts

    def get_fact(self, fact: type, **arguments: Any) -> Any:
        found = self.facts[fact.__name__]
        return {path: found.get(path) for path in arguments["paths"]} if fact is Entries else found

    def noop(self, why: str) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    found = Host(
        **NO_USERS, Entries={"/right": RIGHT, "/d": DIRECTORY}, Accounts={"www-data": Account("/var/www", "www-data")}
    )
    with ctx_host.use(found):
        yield found


def test_only_what_differs_from_the_host_is_planned(host: Host) -> None:
    plan = Planned()
    assert not plan.do("right", operations.file, path="/right", text="right\n")
    assert plan.do("wrong", operations.file, path="/wrong", text="right\n", check="nginx -t")
    assert plan.do("directories", operations.directories, paths=["/d", "/d/new"])
    assert not plan.do("welcome page", operations.absent, path="/gone")
    assert plan.do("right", operations.absent, path="/right")
    assert plan.do("enabled", server.shell, commands=["systemctl enable x"], _env={"A": "b"})
    assert plan.do("systemd reads the units", systemd.daemon_reload)
    assert plan.changes == [
        Change("write", "wrong", ("/wrong",)),
        Change("write", "directories", ("/d/new",)),
        Change("remove", "right", ("/right",)),
        Change("run", "enabled"),
        Change("run", "systemd reads the units"),
    ]
    assert plan.changed == [change.what for change in plan.changes]
    assert plan.paths == ["/wrong", "/d/new", "/right"]
    # a directory is only added, so there is no former one to put back
    assert plan.replaced == ["/wrong", "/right"]


def test_what_cannot_be_done_is_refused_by_the_plan(host: Host) -> None:
    with pytest.raises(StepFailed, match="node1: place: /right is a file, not a directory"):
        Planned().do("place", operations.directories, paths=["/right"])
    with pytest.raises(OperationError):
        list(operations.directories._inner(paths=["/right"]))


def test_a_user_of_a_missing_package_is_known_later(host: Host) -> None:
    plan = Planned()
    assert plan.account("www-data") == Account("/var/www", "www-data")
    with pytest.raises(StepFailed, match="node1: there is no user web"):
        plan.account("web")
    plan.do("user deploy", server.user, user="deploy", home="/home/deploy", shell="/bin/bash")  # noqa: S604
    assert plan.account("deploy") == Account("/home/deploy", "deploy")
    plan.changes[:] = [Change("install", "packages web-server")]
    assert [plan.account("web") for _ in range(2)] == [Account("/home/web", "web")] * 2
    assert [change.text for change in plan.changes[1:]] == [
        "later    user web: the change is known after the packages are installed"
    ]


def test_a_plan_shows_few_paths() -> None:
    assert Change("write", "php.ini", ("/a",)).text == "write    php.ini (/a)"
    assert Change("write", "weights", tuple(f"/{n}" for n in range(101))).text == "write    weights (/0, 100 more)"


@pytest.mark.parametrize(
    ("changing", "word"),
    [([], "yes"), (["/other"], "yes"), (["/other", "{conf}"], "no"), (["{conf}.d"], "yes"), (["{folder}"], "yes")],
)
def test_a_service_is_not_current_once_its_file_changes(tmp_path: Path, changing: list[str], word: str) -> None:
    conf, stamp = tmp_path / "a.conf", tmp_path / "stamp"
    conf.write_text("a\n")
    subprocess.run(["sh", "-c", f"sha256sum {conf} >{stamp}"], check=True)
    command = Current().command([str(stamp)], [path.format(conf=conf, folder=tmp_path) for path in changing])
    done = subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)
    assert done.stdout == f"{word}|{stamp}\n"


def test_a_directory_that_is_missing_has_no_heirs(tmp_path: Path) -> None:
    command = Heirs().command([str(tmp_path / "none")])
    done = subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)
    assert (done.returncode, Heirs().process(done.stdout.splitlines())) == (0, {f"{tmp_path}/none": frozenset()})
