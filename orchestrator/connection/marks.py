"""Mark the begin and the end of a command's answer, and find the answer between the marks.

A host may print anything. A login shell prints greetings, warnings about locales and messages at its end. Output may be
cut off, may not be UTF-8, or may control the terminal. Therefore each command is wrapped: the command prints a mark
before its answer, and the mark and its status after its answer. The mark is a new random word for each command. If a
mark is missing, the answer is not whole, and the host counts as a host that does not answer.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api.command import StringCommand
from pyinfra.connectors.util import OutputLine

from orchestrator.errors import Silent, Unclear
from orchestrator.scripts.command import Question
from orchestrator.scripts.files import assign, read

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Matches a control character, but not a tab. Control characters can hide text on a terminal, or change it."""

KILLED = 128 + 9
"""Exit status of a command that was killed, for example by `timeout -s KILL` at its time limit."""

Lines = Sequence[OutputLine]


def new_mark() -> str:
    """Return a random word that no output contains."""
    return f"answer-{secrets.token_hex(8)}"


@dataclass(frozen=True)
class Heard:
    """The answer of a command.

    + status: exit status of the command
    + lines: the lines that the command printed, on both outputs
    """

    status: int
    lines: Lines


def marked(command: StringCommand | str, mark: str) -> StringCommand:
    """Return a command that runs ``command`` with a known locale, PATH and umask, and prints the mark before and after.

    + command: any shell command; it may have several lines
    + mark: a word that no other output of the host contains
    """
    # the braces make one command of all lines, because pyinfra may put `cd ... &&` before it
    begin, end = assign(read("scripts/begin.sh"), mark=mark), read("scripts/end.sh")
    return StringCommand("{ ", begin, "\n(", command, "\n)\n", end, "\n}", _separator="")


def no_answer(question: Question, heard: Heard) -> Silent:
    """Return the exception for a question that failed: it reached its time limit, or the host said why it failed."""
    if question.limit and heard.status == KILLED:
        return Silent(f"took longer than {question.limit} s")
    return Unclear(_words(heard.lines, last=True))


def within_marks(lines: Lines, mark: str) -> Heard:
    """Return the answer of a command: its status, and the lines between the two marks.

    + lines: all lines that the host printed
    + mark: the word that the command prints before and after its answer

    Raises Unclear if a mark is missing, or if a mark occurs twice.
    """
    answers = {name: _between([line.line for line in lines if line.buffer_name == name], mark) for name in OUTPUTS}
    found = {answer[0] for answer in answers.values() if answer is not None}
    if None in answers.values() or len(found) != 1:
        raise Unclear(_words([line for line in lines if mark not in line.line], last=not _began(lines, mark)))
    return Heard(
        found.pop(), [OutputLine(name, line) for name, answer in answers.items() if answer for line in answer[1]]
    )


OUTPUTS = ("stdout", "stderr")


def _between(lines: list[str], mark: str) -> tuple[int, list[str]] | None:
    """Return the status and the lines between the marks of one output; None if the answer is not whole."""
    begins = [number for number, line in enumerate(lines) if line == mark]
    ends = [number for number, line in enumerate(lines) if line.startswith(f"{mark} ")]
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        return None
    status = lines[ends[0]].removeprefix(f"{mark} ")
    if not (status.isascii() and status.isdigit()):
        return None
    said = lines[begins[0] + 1 : ends[0]]
    # the mark at the end begins with a line break, which is an empty line unless the last line had no line break
    return int(status), said[:-1] if said and not said[-1] else said


def _began(lines: Lines, mark: str) -> bool:
    return any(line.line == mark for line in lines)


def printable(line: str) -> str:
    r"""Return a line without carriage returns at its end, and with control characters as visible text (``\x1b``)."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", line.rstrip("\r"))


def _words(lines: Lines, last: bool) -> str:
    """Return the words of a host, for an error message.

    + last: whether to return only the last line. If the command failed or did not run, the last line says why
    """
    said = {
        name: [line.line.strip() for line in lines if line.buffer_name == name and line.line.strip()]
        for name in OUTPUTS
    }
    if last:
        return next((said[name][-1] for name in reversed(OUTPUTS) if said[name]), "")
    return " ".join(line for name in OUTPUTS for line in said[name])


def decoded(output: bytes) -> list[str]:
    """Return the lines of an output. Bytes that are not UTF-8 become U+FFFD."""
    lines = output.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]
