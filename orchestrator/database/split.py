"""Splits the text of a SQL file into statements, as the client programs psql and mariadb do.

sqlglot is not used here, because sqlglot splits inside the bodies of triggers, and takes ``/*! ... */`` for a comment.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.database.model import Engine

_WORD = re.compile(r"[^\W\d][\w$]*")
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_END = re.compile(r"\*/")
_NESTED = re.compile(r"/\*|\*/")
_BREAK = re.compile(r"[\r\n]")
_NEWLINE = re.compile(r"\n")
_LINE = re.compile(r"#|--(?:[\x00-\x20]|$)")
_DELIMITER = re.compile(r"delimiter[ \t]+(\S+)[^\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Comment:
    """A comment that stands before a statement.

    + text: the whole comment, such as ``-- to do``
    + line: number of its first line, from 1
    + alone: whether nothing else stands before the comment on its line
    """

    text: str
    line: int
    alone: bool


@dataclass(frozen=True)
class Statement:
    """A statement, and the text around the statement.

    If the fields ``lead``, ``text`` and ``tail`` of all statements are joined, the result is the text of the file.

    + lead: white space, comments and DELIMITER lines before the statement
    + text: the statement without its delimiter; empty at the end of a file, or if a delimiter follows a delimiter
    + tail: the delimiter; empty at the end of a file
    + line: number of the line on which the statement begins, from 1
    + comments: the comments of ``lead``
    + inner: the comments inside of ``text``
    + executable: whether ``text`` has a comment that the server executes, such as ``/*!80000 ... */``
    + bare: ``text`` without comments, and without the texts between quotes
    + clean: ``text`` without comments, and with simple texts between quotes. A parser finds the same ends of strings
      and comments in ``clean``, even if the parser has other rules for backslashes or line breaks than the server
    + unfinished: the string, comment or bracket that is not closed before the end of the file; empty if there is none
    """

    lead: str
    text: str
    tail: str
    line: int
    comments: tuple[Comment, ...] = ()
    inner: tuple[Comment, ...] = ()
    executable: bool = False
    unfinished: str = ""
    bare: str = ""
    clean: str = ""


def split(text: str, engine: Engine) -> list[Statement]:
    """Split ``text`` into statements.

    + text: the content of a SQL file
    + engine: decides the rules for strings and comments
    """
    scanner = _Scanner(text, engine)
    found = []
    while scanner.at < len(text):
        found.append(scanner.statement())
    return found


@dataclass
class _Scanner:
    """Reads ``text`` from left to right.

    + at: index of the next character
    + delimiter: the text that ends a statement
    """

    text: str
    engine: Engine
    at: int = 0
    delimiter: str = ";"
    comments: list[Comment] = field(default_factory=list)
    unfinished: str = ""
    executable: bool = False
    bare: list[str] = field(default_factory=list)
    clean: list[str] = field(default_factory=list)

    def statement(self) -> Statement:
        """Read up to the end of the next statement."""
        self.comments, self.unfinished, self.executable = [], "", False
        self.bare, self.clean = [], []
        start = self.at
        self._lead()
        before, self.comments = tuple(self.comments), []
        begin = self.at
        end = self._body()
        lead, text = self.text[start:begin], self.text[begin:end].rstrip()
        return Statement(
            lead=lead,
            text=text,
            tail=self.text[begin + len(text) : self.at],
            line=self._line(begin),
            comments=before,
            inner=tuple(self.comments),
            executable=self.executable,
            unfinished=self.unfinished,
            bare="".join(self.bare),
            clean="".join(self.clean).strip(),
        )

    def __post_init__(self) -> None:
        self._breaks = [one.start() for one in re.finditer("\n", self.text)]

    def _line(self, index: int) -> int:
        return bisect_left(self._breaks, index) + 1

    def _lead(self) -> None:
        """Read white space, comments and DELIMITER lines."""
        while self.at < len(self.text):
            if self.text[self.at].isspace():
                self.at += 1
            elif not self._directive() and (self._runs() or not self._comment()):
                return

    def _directive(self) -> bool:
        """Read ``DELIMITER //``, which only the dialect of MySQL has."""
        if self.engine is Engine.POSTGRES:
            return False
        said = _DELIMITER.match(self.text, self.at)
        if said is None:
            return False
        self.delimiter, self.at = said[1], said.end()
        return True

    def _body(self) -> int:
        """Read up to the delimiter, and return the index of the delimiter or of the end."""
        nesting = _Nesting(self.engine)
        while self.at < len(self.text):
            if nesting.closed and self.text.startswith(self.delimiter, self.at):
                end = self.at
                self.at += len(self.delimiter)
                return end
            if self._runs():
                self.executable = True
                self._close(_END, self.at + 3, "/*!")
                continue
            start = self.at
            if self._comment():
                self.bare.append(" ")
                self.clean.append(" ")
                continue
            if self._quoted():
                self.bare.append(" ")
                self.clean.append(_simple(self.text[start : self.at], self.engine))
                continue
            word = _WORD.match(self.text, self.at)
            seen = word[0] if word else self.text[self.at]
            nesting.see(seen)
            self.bare.append(seen)
            # in MariaDB and MySQL, 1--1 is a subtraction, but a parser could take the signs for a comment
            self.clean.append("- " if seen == "-" else seen)
            self.at = word.end() if word else self.at + 1
        self.unfinished = self.unfinished or nesting.open
        return self.at

    def _runs(self) -> bool:
        """Whether a comment begins here that the server executes. Such a comment is a part of the statement."""
        return self.engine is not Engine.POSTGRES and self.text.startswith(("/*!", "/*M!"), self.at)

    def _comment(self) -> bool:
        """Read a comment."""
        text, at = self.text, self.at
        own = self.engine is Engine.POSTGRES
        if text.startswith("/*", at):
            self._close(_NESTED if own else _END, at + 2, "/*")
        elif text.startswith("--", at) if own else _LINE.match(text, at):
            # in PostgreSQL, a carriage return also ends a comment
            end = (_BREAK if own else _NEWLINE).search(text, at)
            self.at = end.start() if end else len(text)
        else:
            return False
        before = text[text.rfind("\n", 0, at) + 1 : at]
        self.comments.append(Comment(text[at : self.at], self._line(at), not before.strip()))
        return True

    def _close(self, marks: re.Pattern[str], at: int, opened: str) -> None:
        """Set the position to the first character after the end of a comment. In PostgreSQL, comments can be nested."""
        depth = 1
        for mark in marks.finditer(self.text, at):
            depth += 1 if mark[0] == "/*" else -1
            if depth == 0:
                self.at = mark.end()
                return
        self.unfinished, self.at = opened, len(self.text)

    def _quoted(self) -> bool:
        """Read a string, or a name in quotes."""
        sign = self.text[self.at]
        if self.engine is Engine.POSTGRES and sign == "$":
            return self._dollar()
        if sign not in ("'\"" if self.engine is Engine.POSTGRES else "'\"`"):
            return False
        end = re.compile(self._pattern(sign), re.DOTALL).match(self.text, self.at)
        if end is None:
            self.unfinished, self.at = sign, len(self.text)
        else:
            self.at = end.end()
        return True

    def _pattern(self, sign: str) -> str:
        """The regular expression for a quoted text, in which a doubled quote does not end the text."""
        before = self.text[max(0, self.at - 2) : self.at]
        escapes = (
            re.search(r"(?:^|[^\w$])[eE]$", before) and sign == "'" if self.engine is Engine.POSTGRES else sign != "`"
        )
        return (
            rf"{sign}(?:[^{sign}\\]|\\.|{sign}{sign})*+{sign}"
            if escapes
            else rf"{sign}(?:[^{sign}]|{sign}{sign})*+{sign}"
        )

    def _dollar(self) -> bool:
        """Read a string such as ``$body$ ... $body$``. After a letter or digit, ``$`` is a part of a name."""
        if self.at and re.match(r"[\w$]", self.text[self.at - 1]):
            return False
        opened = _DOLLAR.match(self.text, self.at)
        if opened is None:
            return False
        end = self.text.find(opened[0], opened.end())
        if end < 0:
            self.unfinished, self.at = opened[0], len(self.text)
        else:
            self.at = end + len(opened[0])
        return True


def _simple(quoted: str, engine: Engine) -> str:
    """Return a quoted text without special characters: a string in place of a string, a name in place of a name."""
    sign, inner = quoted[0], quoted[1:-1]
    if sign == "'" or (sign == '"' and engine is not Engine.POSTGRES):
        return quoted if re.fullmatch(r"[\w .:+-]*|\{\}|\[\]", inner) else "'x'"
    if sign == "$":
        return "'x'"
    return quoted if re.fullmatch(r"\w*", inner) else f"{sign}q_{inner.encode('utf-8', 'surrogatepass').hex()}{sign}"


class _Nesting:
    """Counts the constructs that a ``;`` does not end: in PostgreSQL, brackets and ``BEGIN ATOMIC ... END``."""

    def __init__(self, engine: Engine) -> None:
        self._counts = engine is Engine.POSTGRES
        self._words: list[str] = []
        self._round = 0
        self._blocks = 0

    def see(self, word: str) -> None:
        """Take the next word or sign."""
        if not self._counts:
            return
        if word in ("(", ")"):
            self._round = max(0, self._round + (1 if word == "(" else -1))
        elif word[0].isalpha():
            self._word(word.upper())

    def _word(self, word: str) -> None:
        if len(self._words) < 4:
            self._words.append(word)
        made = [one for one in self._words if one not in ("OR", "REPLACE")]
        if made[:1] != ["CREATE"] or made[1:2] not in (["FUNCTION"], ["PROCEDURE"]):
            return
        if word == "BEGIN" or (word == "CASE" and self._blocks):
            self._blocks += 1
        elif word == "END":
            self._blocks = max(0, self._blocks - 1)

    @property
    def closed(self) -> bool:
        return not self._round and not self._blocks

    @property
    def open(self) -> str:
        """The opening word that has no closing word yet; empty if there is none."""
        return "(" if self._round else "BEGIN" if self._blocks else ""


def joined(statements: list[Statement]) -> Iterator[str]:
    """Yield the parts of the text from which ``split`` made ``statements``."""
    for one in statements:
        yield from (one.lead, one.text, one.tail)
