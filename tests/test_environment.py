"""A release's environment file is read alike by a shell, python-dotenv and phpdotenv, or it is refused."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from orchestrator import environment
from orchestrator.config import load
from orchestrator.errors import OrchestratorError
from tests.test_mask import SETTINGS


def of_sh(text: str, path: Path) -> dict[str, str]:
    path.write_text(text, newline="")
    done = subprocess.run(
        ["sh", "-c", '. "$0"; printf "%s\\0%s\\0" "$KEY" "$NEXT"', str(path)], env={"HOME": "/"}, capture_output=True
    )
    assert done.stderr == b""
    key, following, _ = done.stdout.decode().split("\0")
    return {"KEY": key, "NEXT": following}


def of_python(text: str) -> dict[str, str]:
    return {key: value or "" for key, value in dotenv_values(stream=io.StringIO(text, newline="")).items()}


def of_php(text: str) -> dict[str, str]:
    """Read a file as phpdotenv 5 does: first into lines (a double-quoted value may have several), then each value."""
    found, held = {}, ""
    for line in re.split(r"\r\n|\n|\r", text):
        starts = '="' in line and not ends(line, starts=True)
        held += f"{line}\n" if starts or held else ""
        if held and not ends(line, starts):
            continue
        whole, held = held.removesuffix("\n") or line, ""
        if whole.strip():
            key, _, value = whole.partition("=")
            found[key] = php_value(value.strip())
    assert not held, "the last value does not end"
    return found


def ends(line: str, starts: bool) -> bool:
    count = len(re.findall(r'(?=[^\\]")', line.replace("\\\\", "")))
    return line == '"' or count >= (2 if starts else 1)


def php_value(text: str) -> str:
    if text[:1] not in ("'", '"'):
        assert not re.search(r"[\s#]", text)
        return text
    quote, value, rest = text[0], "", text[1:]
    while rest[0] != quote:
        taken, rest = rest[0], rest[1:]
        if taken == "\\" and quote == '"':
            assert rest[0] in '"\\$fnrtv', f"an unexpected escape sequence at [{text}]"
            taken, rest = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}.get(rest[0], rest[0]), rest[1:]
        value += taken
    assert rest == quote
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "plain",
            "two words",
            " kept ",
            "#no comment",
            "a\\b",
            "C:\\new\\\\share",
            "\\n",
            "ends with \\",
            "ends'\\",
        ),
        *("it's", 'say "hi"', 'it\'s "so"', "$HOME", "$(id)", "`id`", "a`b$c\\d", "päss wörd", "\t", "\u2028"),
        *(
            "it's $ 5",
            "it's 5$",
            "it's \\$ 5",
            "one\ntwo",
            "one\n\ntwo\n",
            "\none",
            'it\'s\n="two"',
            'one="two',
            'one="',
        ),
        *("-----BEGIN KEY-----\nMIIB/+=\n-----END KEY-----\n", '\'"\n"', "a\\\nb", '"\n\\"x'),
    ],
)
def test_a_value_is_read_alike(value: str, tmp_path: Path) -> None:
    expected = {"KEY": value, "NEXT": "the 'next' one"}
    text = environment.text(expected)
    assert of_sh(text, tmp_path / ".env") == expected
    assert of_python(text) == expected
    assert of_php(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "it's $5",
        "it's $HOME",
        "it's ${HOME}",
        "it's `id`",
        "one\n$two",
        "one\n`two`",
        "one\r\ntwo",
        "a\\\\$b",
        "x\n\\",
        "a\0b",
    ],
)
def test_a_value_that_is_not_read_alike_is_refused_by_its_key(value: str) -> None:
    with pytest.raises(OrchestratorError, match=r"^environment: KEY has ") as refused:
        environment.text({"OTHER": "x", "KEY": value})
    assert value not in str(refused.value)
    assert not re.search("two|HOME|5|id`", str(refused.value))


def test_values_in_single_quotes_are_literal() -> None:
    values = {"A": 'x$y`z"', "B": "1.2", "C": "${A}"}
    assert environment.text(values) == "A='x$y`z\"'\nB=1.2\nC='${A}'\n"


def test_spaces_around_a_value_of_the_settings_are_its_own() -> None:
    settings = load(SETTINGS | {"environment": {"path": " conf/env ", "values": {"KEY": " secret \n"}}})
    assert settings.environment
    assert settings.environment.values["KEY"].get_secret_value() == " secret \n"
    assert settings.environment.path == "conf/env"
