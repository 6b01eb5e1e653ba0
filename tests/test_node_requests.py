"""The requests of gate and warming, as a real server on the node receives them: real shell, real curl."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand

from orchestrator.facts.answers import Answer, ColorAnswers, Member, MemberAnswers
from orchestrator.operations.warm import warm

from .probe.server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as it:
        yield it


def run(command: StringCommand) -> subprocess.CompletedProcess[str]:
    """Run the script on this machine, with the probe token on its standard input."""
    return subprocess.run(["sh", "-c", command.get_raw_value()], input="s3cret\n", capture_output=True, text=True)


def check(server: Server, https: bool, requests: int) -> None:
    assert len(server.seen) == requests
    for head in server.seen:
        assert b"\r\nHost: shop.example\r\n" in head
        assert head.count(b"X-Forwarded-Proto: https\r\n") == https
        assert head.lower().count(b"x-forwarded-proto") == https


@pytest.mark.parametrize("https", [False, True])
def test_a_color_is_asked_by_the_scheme_that_its_clients_use(server: Server, https: bool) -> None:
    more: dict[str, Any] = {"https": True} if https else {}
    fact = ColorAnswers()
    command = fact.command("/no/root", "", "blue", server.port, "/", "shop.example", 2, "", **more)
    assert fact.process(run(command).stdout.splitlines()).answers == (Answer(200, "v1"), Answer(200, "v1"))
    check(server, https, 2)
    assert all(b"\r\nX-Probe-Token: s3cret\r\n" in head for head in server.seen)


@pytest.mark.slow
def test_answers_arrive_though_the_processes_are_stopped(server: Server) -> None:
    fact = ColorAnswers()
    command = fact.command("/no/root", "", "blue", server.port, "/", "shop.example", 1, "sleep 300")
    done = run(command)
    said = fact.process(done.stdout.splitlines())
    assert (done.returncode, said.answers, said.code) == (0, (Answer(200, "v1"),), None)


@pytest.mark.parametrize("https", [False, True])
def test_members_are_asked_by_the_scheme_that_their_clients_use(server: Server, https: bool) -> None:
    more = {"https": True} if https else {}
    fact = MemberAnswers()
    command = fact.command(9, server.port, "/", "shop.example", ["node1=127.0.0.1"], **more)
    found = fact.process(run(command).stdout.splitlines())
    assert found == {"node1": Member(Answer(0, None), Answer(200, "v1"))}
    check(server, https, 1)


def test_one_process_asks_many_members(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    curl = shutil.which("curl")
    (tmp_path / "curl").write_text(f'#!/bin/sh\necho started >>{tmp_path}/log\nexec {curl} "$@"\n')
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    # at 127.0.0.2, no program listens at the port
    members = [f"node{number}=127.0.0.{1 + (number % 10 == 0)}" for number in range(120)]
    fact = MemberAnswers()
    done = run(fact.command(server.port, 9, "/", "shop.example", members))
    answered, silent = Member(Answer(200, "v1"), None), Member(Answer(0, None), Answer(0, None))
    assert fact.process(done.stdout.splitlines()) == {
        f"node{number}": answered if number % 10 else silent for number in range(120)
    }
    assert (tmp_path / "log").read_text().split() == ["started"] * 2
    assert all(b"\r\nX-Probe-Token: s3cret\r\n" in head for head in server.seen)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (r"HTTP/1.1 503\r\nx-rELEASE:  v2 \r\nX-Release-Date: 5\r\n\r\n", Answer(503, "v2")),
        (r"HTTP/1.1 200 OK\r\nX-Release: v1\r\nX-Release: v2\r\n\r\n", Answer(200, "v2")),
        (r"HTTP/2 200 \nserver: x\n", Answer(200, None)),
        ("", Answer(0, None)),
    ],
)
def test_a_member_s_headers_are_read(tmp_path: Path, said: str, answer: Answer) -> None:
    (tmp_path / "curl").write_text(f"#!/bin/sh\nwhile [ $1 != -D ]; do shift; done\nprintf '{said}' >$2\n")
    (tmp_path / "curl").chmod(0o755)
    command = MemberAnswers().command(1, 2, "/", "shop.example", ["node1=10.0.0.1"]).get_raw_value()
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", command], env={"PATH": path}, input="s3cret\n", capture_output=True, text=True)
    found = MemberAnswers().process(done.stdout.splitlines())
    assert (found["node1"].answer, done.stderr) == (answer, "")


@pytest.mark.parametrize("https", [False, True])
def test_pages_are_warmed_by_the_scheme_that_clients_use(server: Server, https: bool) -> None:
    more: dict[str, Any] = {"https": True} if https else {}
    pages = ["/", "/302"]
    (command,) = warm._inner(
        root="/no/root",
        color="blue",
        port=server.port,
        hostname="shop.example",
        paths=pages,
        public="public",
        inspect="/inspect.php",
        compile=[],
        **more,
    )
    assert run(command).returncode == 0
    check(server, https, 2)
    assert [head.split(b" ")[1].decode() for head in server.seen] == pages


def test_every_worker_gets_a_page(server: Server) -> None:
    (command,) = warm._inner(
        root="/no/root",
        color="blue",
        port=server.port,
        hostname="shop.example",
        paths=["/a", "/b"],
        public="public",
        inspect="/inspect.php",
        compile=[],
        workers=5,
    )
    assert run(command).returncode == 0
    assert [head.split(b" ")[1].decode() for head in server.seen] == ["/a", "/b", "/a", "/b", "/a"]
