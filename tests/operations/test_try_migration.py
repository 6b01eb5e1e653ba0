"""A command is tried with secret variables. The scripts and the guard are real; fakes stand for sudo and systemd."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from orchestrator.operations.try_migration import assignments, try_migration
from orchestrator.scripts.guarded import Guard
from tests.fakes.world import BIN
from tests.operations.test_as_web import ID, Node

SECRET = 'it\'s\n$HOME `x` \\n "geheim"'

LIST = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >{0}/processes"
RUN = f'{LIST}; echo "$RELEASE $COLOR $(pwd)"; printf "%s|" "$TOKEN"; umask; id -un >/dev/null; exit 3'


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(tmp_path)
    made.script("setfacl", '#!/bin/sh\necho "setfacl $*" >>{log}\n')
    return made


def tried(node: Node, run: str, web: bool, seconds: int = 60) -> tuple[int, list[str], str]:
    """The exit status, the printed lines and the errors."""
    (command,) = try_migration._inner(
        root=str(node.root),
        release=ID,
        color="green",
        run=run,
        as_web=node.as_web if web else None,
        web_user="shop-web" if web else "",
        guard=Guard(node.guarding, str(node.guard), node.fence, seconds),
    )
    done = subprocess.run(
        ["sh", "-c", command.get_raw_value()],
        input=assignments({"TOKEN": SECRET, "OTHER": "x"}),
        env={"PATH": f"{node.bin}:{BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("web", [False, True])
def test_the_command_gets_the_variables_and_nobody_else(node: Node, web: bool) -> None:
    status, said, errors = tried(node, RUN.format(shlex.quote(str(node.release))), web)
    assert (status, errors) == (0, "")
    first, *rest = f"{ID} green {node.release}\n{SECRET}|0022".split("\n")
    assert said == ["code=3", f"line={first}", *(f"line={line}" for line in rest)]
    processes = (node.release / "processes").read_text()
    assert "processes" in processes
    assert "geheim" not in processes
    assert not (node.guard / "trial").exists()
    noted = node.log.read_text() if web else ""
    assert (f"setfacl -m u:shop-web:r {node.guard}/trial/variables" in noted) is web


def test_only_the_last_lines_are_printed(node: Node) -> None:
    status, said, _ = tried(node, "seq 1 100; echo last >&2", web=False)
    assert (status, said) == (0, ["code=0", *(f"line={number}" for number in range(82, 101)), "line=last"])


def test_a_command_that_is_killed_leaves_no_secret(node: Node) -> None:
    status, said, _ = tried(node, "sleep 600", web=False, seconds=1)
    assert (status, said) == (137, [])
    files = [path.read_text() for path in node.root.rglob("*") if path.is_file()]
    assert "geheim" not in "".join(files)
    assert tried(node, "true", web=False)[:2] == (0, ["code=0"])


def test_a_web_user_without_permission_is_named(node: Node) -> None:
    node.script("setfacl", "#!/bin/sh\necho Operation not supported >&2\nexit 1\n")
    status, said, errors = tried(node, "touch ran", web=True)
    assert (status, said, (node.release / "ran").exists()) == (1, [], False)
    assert "the user shop-web cannot get the permission" in errors
