"""A command's answer is what stands between its two marks, whatever the login and the host print around it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.connectors.util import OutputLine, make_unix_command

from orchestrator.connection.marks import Heard, decoded, marked, no_answer, printable, within_marks
from orchestrator.errors import Unclear
from orchestrator.scripts.command import question, script
from orchestrator.scripts.files import read

MARK = "answer-0123456789abcdef"


def run(command: StringCommand | str, before: str = "", after: str = "", **how: Any) -> list[OutputLine]:
    """Run a command as sshd does: by a login shell that runs other commands before and after."""
    text = make_unix_command(marked(command, MARK), **how).get_raw_value()
    login = f"{before}\n{text}\nstatus=$?\n{after}\nexit $status"
    done = subprocess.run(["bash", "-c", login], capture_output=True, stdin=subprocess.DEVNULL)
    outputs = {"stdout": done.stdout, "stderr": done.stderr}
    return [OutputLine(name, printable(line)) for name, said in outputs.items() for line in decoded(said)]


def heard(command: StringCommand | str, before: str = "", after: str = "", **how: Any) -> Heard:
    return within_marks(run(command, before, after, **how), MARK)


def said(answer: Heard, output: str = "stdout") -> list[str]:
    return [line.line for line in answer.lines if line.buffer_name == output]


@pytest.mark.parametrize("before", ["", "echo Welcome", "printf Welcome", "echo oh >&2", "printf 'a\\377b\\033[31m'"])
@pytest.mark.parametrize("after", ["", "echo bye", "printf bye; printf bye >&2"])
def test_words_of_the_login_are_no_part_of_an_answer(before: str, after: str) -> None:
    answer = heard("echo one; echo two; echo why >&2", before, after)
    assert (answer.status, said(answer), said(answer, "stderr")) == (0, ["one", "two"], ["why"])


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("true", []),
        ("echo", [""]),
        ("printf a", ["a"]),
        ("printf 'a\\n\\n'", ["a", ""]),
        ("printf '\\n\\na'", ["", "", "a"]),
    ],
)
def test_an_answer_has_the_lines_that_were_printed(command: str, lines: list[str]) -> None:
    assert said(heard(command)) == lines


def test_the_status_is_the_one_of_the_command() -> None:
    assert heard("exit 3").status == 3
    assert heard("set -e; false; true").status == 1
    assert heard("echo a # and a comment").status == 0
    assert said(heard("cat <<end\n$((1 + 1))\nend")) == ["2"]


def test_a_question_at_its_time_limit_says_so() -> None:
    asked = question("sleep 60", seconds=1)
    assert str(no_answer(asked, heard(asked))) == "took longer than 1 s"
    asked = question("echo 'no such repository' >&2; exit 1")
    assert str(no_answer(asked, heard(asked))) == "its answer cannot be read: no such repository"


def test_a_command_that_is_not_reached_gives_no_answer() -> None:
    with pytest.raises(Unclear, match="no such dir"):
        heard("echo reached", _chdir="/no such dir")


def test_a_command_gets_a_known_locale_umask_and_path() -> None:
    before = "export LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 PATH=/opt/own:/usr/bin:/bin; umask 077"
    answer = heard('echo "$LC_ALL $PATH"; umask', before)
    assert said(answer) == [
        "C /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/own:/usr/bin:/bin",
        "0022",
    ]


def test_commands_get_the_locale_and_path_of_the_login() -> None:
    before = "export LC_ALL=de_DE.UTF-8 PATH=/opt/own:/usr/bin:/bin"
    hook = script(read("operations/hook.sh"), 'echo "${LC_ALL-none} $PATH"; env', "r1", "blue", "/", "", "")
    lines = said(heard(hook, before))
    assert lines[0] == "de_DE.UTF-8 /opt/own:/usr/bin:/bin"
    assert not [line for line in lines if line.startswith("ORCHESTRATOR_")]
    assert said(heard(hook, "unset LC_ALL"))[0].startswith("none ")


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("echo 'This account is currently not available.'; exit 1", "This account is currently not available."),
        ("echo Welcome; echo hm >&2; echo 'sudo: you must have a tty' >&2; exit 1", "sudo: you must have a tty"),
        ("exit 0", "the answer is empty"),
        ("kill -9 $$", "the answer is empty"),
    ],
)
def test_a_login_that_runs_nothing_is_quoted(login: str, words: str) -> None:
    with pytest.raises(Unclear) as caught:
        heard("echo reached", login)
    assert str(caught.value) == f"its answer cannot be read: {words}"


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    whole = run("echo one; echo two")
    ends = [number for number, line in enumerate(whole) if line.line.startswith(f"{MARK} ")]
    for end in ends:
        with pytest.raises(Unclear):
            within_marks(whole[:end] + whole[end + 1 :], MARK)
    with pytest.raises(Unclear, match="one two one two"):
        within_marks(whole + whole, MARK)


def test_only_the_first_80_characters_are_shown() -> None:
    assert str(Unclear("x" * 500)) == f"its answer cannot be read: {'x' * 80}"
    assert str(Unclear("a\u05cfb\x1b")) == "its answer cannot be read: a\ufffdb\ufffd"


def test_control_characters_become_visible_text() -> None:
    assert printable("a\x1b[31mb\tc\r") == "a\\x1b[31mb\tc"
    assert printable("a\rb\x9b\x00") == "a\\x0db\\x9b\\x00"
    assert printable("grüße €") == "grüße €"


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert decoded(b"caf\xe9\nb\xff") == ["caf\ufffd", "b\ufffd"]
    assert decoded(b"") == []
    assert decoded(b"a\n\n") == ["a", ""]
