"""Scripts as files: fragments are where a script includes them, and values are quoted."""

from __future__ import annotations

import subprocess

import pytest

from orchestrator.scripts.files import assign, read
from tests.shell.check import ROOT


def test_a_fragment_stands_where_it_is_included() -> None:
    text = "\n" + read("operations/receive.sh")
    assert "\n. " not in text
    # of a fragment of a fragment, too, and each once
    assert [text.count(f"\n{name}() ") for name in ("tree_hash", "begin", "finish")] == [1, 1, 1]
    assert text.index("begin() {") < text.index("\nbegin ")


def test_no_command_carries_the_comment_at_the_top() -> None:
    text = read("operations/share.sh")
    assert text.startswith("absent() {")
    assert "shellcheck" not in text


@pytest.mark.parametrize("path", sorted((ROOT / "orchestrator").rglob("*.sh")), ids=lambda path: path.name)
def test_the_shell_can_read_every_script(path: object) -> None:
    text = read(str(path).removeprefix(f"{ROOT}/orchestrator/"))
    done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_assigned_value_may_hold_anything() -> None:
    value = 'it\'s $HOME; `id`\n"x" \\'
    script = assign('printf %s "$value"; printf %s "$other"', value=value, other="")
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == value
