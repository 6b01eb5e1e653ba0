"""Operations of provisioning read paths together, and end with one line if the state of the host is unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from orchestrator.errors import StepFailed, Unclear
from orchestrator.provision import answers, common, operations, work
from orchestrator.provision.answers import Answers
from orchestrator.provision.facts import Entry, MissingPackages, PhpVersions

FILE = Entry("file", "root", "root", "644", "0")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A host, and in ``failed`` the hosts that pyinfra has marked as failed."""
    found = SimpleNamespace(name="node1", failed=[])
    monkeypatch.setattr(work, "host", found)
    monkeypatch.setattr(work, "state", SimpleNamespace(failed_hosts=found.failed))
    return found


def test_an_operation_that_could_not_read_a_fact_fails(host: SimpleNamespace) -> None:
    def packages(**arguments: Any) -> Any:
        # pyinfra marks the host as failed, and goes on as if nothing was installed
        host.failed.append(host)
        return SimpleNamespace(did_change=lambda: True)

    with pytest.raises(StepFailed, match="node1: packages: the state of the host cannot be read"):
        work.Work().do("packages", packages)


def test_an_answer_that_is_not_understood_fails_the_operation(host: SimpleNamespace) -> None:
    def packages(**arguments: Any) -> Any:
        raise Unclear("Welcome")

    with pytest.raises(StepFailed, match="node1: packages: its answer cannot be read: Welcome"):
        work.Work().do("packages", packages)


class Disk:
    """A host with files. Operations on it change the files, and have the argument ``found``."""

    name = "node1"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: dict[str, Entry | None] = {"/b": FILE}
        self.reads: list[list[str]] = []
        self.found: list[Any] = []
        for module in (answers, work):
            monkeypatch.setattr(module, "host", self)
        monkeypatch.setattr(work, "state", SimpleNamespace(failed_hosts=[]))
        monkeypatch.setattr(work, "COMPARING", frozenset({self.place}))

    def get_fact(self, fact: type, paths: list[str]) -> dict[str, Entry | None]:
        self.reads.append(paths)
        return {path: self.there.get(path) for path in paths}

    def place(self, name: str, path: str, found: Any) -> Any:
        self.found.append(found)
        change, self.there[path] = found[path] is None, FILE
        return SimpleNamespace(did_change=lambda: change)

    def install(self, name: str) -> Any:
        self.there["/d"] = FILE
        return SimpleNamespace(did_change=lambda: True)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_all_paths_are_read_by_one_command(disk: Disk) -> None:
    doing = work.Work(Answers(["/a", "/b", "/c"]))
    for path in ("/a", "/b", "/c"):
        doing.do(path, disk.place, path=path)
    assert disk.reads == [["/a", "/b", "/c"]]
    assert disk.found == [{"/a": None}, {"/b": FILE}, {"/c": None}]
    assert doing.changed == ["/a", "/c"]


def test_a_path_that_is_not_in_the_list_is_read_alone(disk: Disk) -> None:
    doing = work.Work(Answers(["/a"]))
    doing.do("/b", disk.place, path="/b")
    assert disk.reads == [["/b"]]
    assert disk.found == [{"/b": FILE}]


def test_a_changed_path_is_read_again(disk: Disk) -> None:
    doing = work.Work(Answers(["/a", "/b"]))
    assert doing.do("/a", disk.place, path="/a")
    assert not doing.do("/a", disk.place, path="/a")
    assert disk.reads == [["/a", "/b"]] * 2


def test_all_paths_are_read_again_after_packages(disk: Disk) -> None:
    doing = work.Work(Answers(["/b", "/d"]))
    doing.do("/b", disk.place, path="/b")
    doing.do("packages", disk.install)
    assert not doing.do("/d", disk.place, path="/d")
    assert disk.reads == [["/b", "/d"]] * 2


def test_a_path_that_cannot_be_read_fails_the_operation(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_fact(fact: type, paths: list[str]) -> Any:
        raise Unclear("Welcome")

    monkeypatch.setattr(disk, "get_fact", get_fact)
    with pytest.raises(StepFailed, match="node1: /a: its answer cannot be read: Welcome"):
        work.Work(Answers(["/a"])).do("/a", disk.place, path="/a")
    assert disk.found == []


@pytest.mark.parametrize("operation", sorted(work.COMPARING, key=str))
def test_an_operation_uses_what_is_known(operation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_fact(fact: type, **arguments: Any) -> Any:
        raise AssertionError("the host was asked")

    monkeypatch.setattr(operations, "host", SimpleNamespace(get_fact=get_fact, noop=lambda why: None))
    values = {"base": "/", "path": "/a", "paths": ["/a"], "target": "t", "weight": 1, "by": "root"}
    wanted = [name for name in operation._inner.__annotations__ if name not in ("found", "return", "mode", "check")]
    list(operation._inner(**{name: values.get(name, "x") for name in wanted}, found={"/a": None}))


class Poor(work.Work):
    """A host whose package sources lack every package."""

    @override
    def do(self, what: str, operation: Any, **arguments: object) -> bool:
        raise StepFailed(f"node1: {what}: E: Unable to locate package")

    @override
    def fact(self, fact: Any, **arguments: object) -> Any:
        return {MissingPackages: arguments.get("packages"), PhpVersions: ["7.4", "8.2"]}[fact]


def test_the_versions_of_php_that_a_host_can_install_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "host", SimpleNamespace(name="node1"))
    with pytest.raises(
        StepFailed, match=r"package; the package sources of node1 have PHP 7\.4, 8\.2, and all nodes have"
    ):
        common.packages(Poor(), ["nginx", "php8.3-fpm"])
    with pytest.raises(StepFailed, match=r"Unable to locate package$"):
        common.packages(Poor(), ["nginx", "php-pear"])
