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
from orchestrator.config.environment import Environment
from orchestrator.environment import file
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
        *("${OTHER}", "a${OTHER}b", "$${OTHER}", "\\${OTHER}", "${}", "${no name}", "${OTHER:-x}", "one\n${OTHER}"),
    ],
)
def test_a_value_that_is_not_read_alike_is_refused_by_its_key(value: str) -> None:
    with pytest.raises(OrchestratorError, match=r"^environment: KEY has ") as refused:
        environment.text({"OTHER": "x", "KEY": value})
    assert value not in str(refused.value)
    assert not re.search("two|HOME|5|id`|OTHER|name", str(refused.value))


@pytest.mark.parametrize("value", ["${OTHER}", "\\${OTHER}", "${}", "${no name}", "${OTHER:-x}", "${a\nb}"])
def test_python_dotenv_replaces_even_in_single_quotes(value: str) -> None:
    assert file.REPLACED.search(value)
    assert of_python(f"OTHER=x\nKEY='{value}'\n")["KEY"] != value


@pytest.mark.parametrize("value", ["${OTHER", "${OTHER:x}", "$ {OTHER}", "$\\{OTHER}", "$OTHER", "$(id)", "{OTHER}"])
def test_a_dollar_that_no_reader_replaces_is_written(value: str, tmp_path: Path) -> None:
    text = environment.text({"OTHER": "x", "KEY": value, "NEXT": "1"})
    assert of_python(text)["KEY"] == of_sh(text, tmp_path / ".env")["KEY"] == of_php(text)["KEY"] == value


def test_values_in_single_quotes_are_literal() -> None:
    values = {"A": 'x$y`z"', "B": "1.2", "C": "$A"}
    assert environment.text(values) == "A='x$y`z\"'\nB=1.2\nC='$A'\n"


def test_spaces_around_a_value_of_the_settings_are_its_own() -> None:
    settings = load(SETTINGS | {"environment": {"path": " conf/env ", "values": {"KEY": " secret \n"}}})
    assert settings.environment
    assert settings.environment.values["KEY"].get_secret_value() == " secret \n"
    assert settings.environment.path == "conf/env"


TWO = "APP=Shop\nSPACED='a b'\n"

EXPANDED = {
    "${APP}": "Shop",
    '"${APP}"': "Shop",
    '"the ${APP} shop"': "the Shop shop",
    "a${APP}b": "aShopb",
    "${SPACED}": "a b",
    '"${APP}${APP}"': "ShopShop",
    "'5$'": "5$",
    '"5$"': "5$",
    '"$ 5"': "$ 5",
    '"a$1"': "a$1",
    '"pa$$1"': "pa$$1",
    '"x$.y"': "x$.y",
    '"$é"': "$é",
    '"`id`"': "`id`",
}
"""Value in a dotenv file -> what phpdotenv 5.4, Symfony's Dotenv 5.4 and python-dotenv 1.2 all read, behind TWO."""

NOT_ALIKE = {
    "$APP": "has a $ before a name",
    '"$APP"': "has a $ before a name",
    "a$APP": "has a $ before a name",
    "pa$$word": "has a $ before a name",
    '"{$APP}"': "has a $ before a name",
    '"$_x"': "has a $ before a name",
    '"${NO}"': "refers to a variable",
    "${NO}": "refers to a variable",
    '"${KEY}"': "refers to a variable",
    '"${LATER}"': "refers to a variable",
    '"${NO:-x}"': "has a ${ that does not begin ${NAME}",
    "${APP:-x}": "has a ${ that does not begin ${NAME}",
    '"${APP"': "has a ${ that does not begin ${NAME}",
    "${}": "has a ${ that does not begin ${NAME}",
    '"${a b}"': "has a ${ that does not begin ${NAME}",
    '"${2}"': "has a ${ that does not begin ${NAME}",
    '"$(echo hi)"': "has a $(, for which some programs run a command",
    '"\\$APP"': "has a backslash before a $",
    '"\\${APP}"': "has a backslash before a $",
    "\\${APP}": "has a backslash before a $",
    "a\\$b": "has a backslash before a $",
    '"\\\\${APP}"': "has a backslash before a $",
    "'${APP}'": "has a ${...} in single quotes, which only python-dotenv replaces",
    "'a ${APP:-x}'": "has a ${...} in single quotes, which only python-dotenv replaces",
    "'\\${APP}'": "has a ${...} in single quotes, which only python-dotenv replaces",
    "'${}'": "has a ${...} in single quotes, which only python-dotenv replaces",
}
"""Value in a dotenv file that these readers read differently -> what the message says."""


def read(text: str, path: Path, **more: object) -> dict[str, str]:
    (path / "secrets.env").write_text(text, encoding="utf-8")
    return environment.values(Environment(file=str(path / "secrets.env"), **more), lambda values: None)


@pytest.mark.parametrize(("value", "expected"), EXPANDED.items())
def test_a_value_of_a_file_is_expanded_as_its_readers_do(value: str, expected: str, tmp_path: Path) -> None:
    text = f"{TWO}KEY={value}\n"
    assert read(text, tmp_path)["KEY"] == expected
    assert of_python(text)["KEY"] == expected


@pytest.mark.parametrize("value", ["$APP", "$(id)", "\\$APP", "${APP", "${APP:x}"])
def test_in_single_quotes_nothing_is_expanded(value: str, tmp_path: Path) -> None:
    text = f"{TWO}KEY='{value}'\n"
    assert read(text, tmp_path)["KEY"] == value
    assert of_python(text)["KEY"] == value


@pytest.mark.parametrize(("value", "why"), NOT_ALIKE.items())
def test_what_readers_expand_differently_is_refused(value: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(OrchestratorError) as refused:
        read(f"{TWO}KEY={value}\nLATER=1\n", tmp_path)
    start = f"settings: environment.file: line 3 of {tmp_path / 'secrets.env'}: KEY "
    assert str(refused.value).startswith(start + why)
    words = str(refused.value).removeprefix(start)
    assert not re.search(r"APP|\bNO\b|word|_x|:-|\bhi\b|LATER", words), "a part of the value is shown"


def test_a_reference_gets_the_value_that_wins(tmp_path: Path) -> None:
    text = 'NAME=file\nURL="db://${NAME}:${PASSWORD}@${HOST}"\nHOST=later\nNAME=last\n'
    found = read(text, tmp_path, commands={"PASSWORD": "echo hush"}, values={"HOST": "db1"})
    assert found["URL"] == "db://file:hush@db1"
    assert found["NAME"] == "last"
    found = read(text, tmp_path, commands={"PASSWORD": "echo hush"}, values={"HOST": "db1", "NAME": "${APP}"})
    assert found["URL"] == "db://${APP}:hush@db1"


def test_only_variables_that_are_used_must_be_readable(tmp_path: Path) -> None:
    text = 'A=1\nBAD=$A\nFOO-BAR=1\nGOOD="${A}2"\n'
    assert read(text, tmp_path, keys=["GOOD"]) == {"GOOD": "12"}
    assert read("A=1\nBAD=$A\n", tmp_path, values={"BAD": "x"}) == {"A": "1", "BAD": "x"}
    assert read("BAD=$A\nBAD=2\n", tmp_path) == {"BAD": "2"}
    with pytest.raises(OrchestratorError, match=r"line 2 of .*: BAD has a "):
        read(text, tmp_path, keys=["BAD"])


@pytest.mark.parametrize("line", ["FOO-BAR=1", "1FOO=1", "FOO.BAR=1", "FÖÖ=1", "'FOO BAR'=1"])
def test_a_bad_name_in_a_file_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(OrchestratorError, match=r"file: line 2 of .*: '.*' cannot be the name of a variable"):
        read(f"A=1\n{line}\n", tmp_path)


def test_a_file_with_a_byte_order_mark_is_read_whole(tmp_path: Path) -> None:
    assert read("\ufeffFIRST=1\nexport SECOND=2\n", tmp_path) == {"FIRST": "1", "SECOND": "2"}
