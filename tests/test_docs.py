"""The pages of the documentation: each link leads somewhere, and the code accepts each command and setting.

The tests run no command. They ask the programs' own parsers whether each command can be typed as the page writes it.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import fleet
import pytest
from fleet_apps import APPLICATIONS

from orchestrator import cli, options
from orchestrator.config import load
from orchestrator.errors import UsageError
from orchestrator.layout import NodeLayout
from orchestrator.model import Color
from tests.config.test_settings import raw

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
OWN = {
    "inventory/production.py": "a renamed inventory/prod.py",
    "inventory/image/aws.py": "a file that the page describes",
}
"""Inventory that readers make, without a command of the page -> where they get it from."""

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
VARIABLES = {
    "AWS_PROFILE": "deploy",
    "SHOP_APP_KEY": "a-key-of-the-application",
    "ORCHESTRATOR_PREVIEW_TOKEN": "a-token-of-24-characters",
    "ORCHESTRATOR_PROBE_TOKEN": "a-token-of-the-probe",
    "ORCHESTRATOR_TESTERS_TOKEN": "a-token-of-the-testers",
    "ORCHESTRATOR_RULE": f"{ARN}listener-rule/app/shop/1/2/3",
    "ORCHESTRATOR_BLUE": f"{ARN}targetgroup/blue/1",
    "ORCHESTRATOR_GREEN": f"{ARN}targetgroup/green/1",
}
"""The variables that the settings of the pages read from the environment."""

each_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@pytest.fixture(scope="module")
def pyinfra_options() -> set[str]:
    """The options of pyinfra. Its command is a process of its own, because it patches the process that imports it."""
    program = Path(sys.executable).with_name("pyinfra")
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"--[a-z][\w-]*", said.stdout))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes from a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(text: str) -> Iterator[str]:
    """The blocks of Python of a page, and its indented paragraphs, without their indentation."""
    fences = r"^( *)```(\w*)\n(.*?)^ *```$"
    python = [found for found in re.finditer(fences, text, re.MULTILINE | re.DOTALL) if found[2] == "python"]
    yield from (textwrap.dedent(found[3]) for found in python)
    rest = re.sub(fences, "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (textwrap.dedent(found[0]) for found in re.finditer(r"(?<=\n\n)( {4,})\S.*(?:\n\1.*)*", rest))


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of this project that a page shows in a block of its own, without comments."""
    for block in blocks(text):
        for line in block.splitlines():
            if re.match(r"(pyinfra|orchestrator|make|python docker/fleet\.py) ", line):
                yield shlex.split(line, comments=True)


def test_commands_and_blocks_are_found() -> None:
    text = (
        "# A\n\n1. Type:\n\n       make x\n       pyinfra a b --data 'ref=1'  # words\n\n2. Type:\n\n    no command\n"
    )
    assert list(blocks(text)) == ["make x\npyinfra a b --data 'ref=1'  # words", "no command"]
    assert list(commands(text)) == [["make", "x"], ["pyinfra", "a", "b", "--data", "ref=1"]]
    assert list(blocks("A:\n\n   ```python\n   a\n     b\n   ```\n")) == ["a\n  b\n"]


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    broken = []
    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@each_page
def test_every_command_of_a_page_can_be_typed(
    page: Path, pyinfra_options: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = set(re.findall(r"^ *cat > (\S+) <<", "".join(each.read_text() for each in PAGES), re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    for program, *words in commands(page.read_text()):
        match program:
            case "pyinfra":
                inventory, file, *_ = words
                assert (ROOT / inventory).exists() or inventory in {*made, *OWN}, words
                assert (ROOT / file).exists(), words
                assert given_options(words) <= pyinfra_options, words
            case "make":
                for word in words:
                    name, is_variable, _ = word.partition("=")
                    assert re.search(rf"\$\({name}\)" if is_variable else rf"^{name}:", makefile, re.MULTILINE), words
            case "python":
                for apps in (after for word, after in pairwise(words) if word == "--apps"):
                    assert set(apps.split(",")) <= set(APPLICATIONS), words
                assert given_options(words) <= known(fleet.main, words[1:], capsys), words
            case _:
                # the words after -- are a command of the reader
                words = words[: words.index("--")] if "--" in words else words
                assert given_options(words) <= known(cli.main, words, capsys), words


def given_options(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def known(main: Callable[[list[str]], int], words: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options in a program's help for the command that some words begin. Wrong words before the help fail."""
    with suppress(SystemExit):
        assert main([*words, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("usage: "), said
    return set(re.findall(r"--[a-z][\w-]*", said.out))


@each_page
def test_every_deploy_file_of_a_page_takes_its_data(page: Path) -> None:
    # the lines of a paragraph may divide a command
    text = re.sub(r"(?<=\S)\n *(?=\S)", " ", page.read_text())
    for verb, rest in re.findall(r"deploys/([a-z]+)\.py((?: (?:-y|--sudo|--data [^\s`,;:)]+))*)", text):
        assert (ROOT / f"deploys/{verb}.py").exists(), verb
        for key, value in re.findall(r"--data '?(\w+)=([^\s`']*)", rest):
            if value in ("", "NAME") or value.endswith("..."):
                assert key in options.KNOWN[verb], (verb, key)
            else:
                more = {"node": "node1"} if verb == "join" else {}
                # each of these keys needs the other
                more |= {"accept": {"reason": "why"}, "reason": {"accept": "drop-column-98ddbf33"}}.get(key, {})
                read_as: dict[str, Any] = {"true": True, "false": False}
                options.read(verb, {**more, key: read_as.get(value, value.strip('"'))})


@each_page
def test_every_setting_of_a_page_is_accepted(page: Path) -> None:
    for block in blocks(page.read_text()):
        if not re.match(r'"\w+": ', block):
            continue
        read = re.sub(r"os\.environ(?:\.get\(|\[)\"(\w+)\"[\])]", lambda found: repr(VARIABLES[found[1]]), block)
        shown = ast.parse(f"{{{read}}}", mode="eval").body
        assert isinstance(shown, ast.Dict)
        # a block may show several values of one key
        pairs = [(ast.literal_eval(key), ast.literal_eval(value)) for key, value in items(shown)]
        for key, value in pairs:
            accepts({**dict(pairs), key: value})


def items(shown: ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    for key, value in zip(shown.keys, shown.values, strict=True):
        assert key is not None
        yield key, value


def accepts(settings: dict[str, Any]) -> None:
    """Assert that settings are valid, or are valid keys of a switch."""
    switch = {"kind": "haproxy", "group": "haproxy", "urls": ["https://shop.test/"]}
    try:
        load(raw(**settings))
    except UsageError as refused:
        try:
            load(raw(switches=[switch | settings]))
        except UsageError:
            raise AssertionError(f"{settings}: {refused}") from refused


def test_the_units_of_the_page_of_logs_exist() -> None:
    named = re.findall(r"journalctl (?:-f )?-[ut] '?(shop-[\w*-]+)", (ROOT / "docs/logs.md").read_text())
    node = NodeLayout("shop", "/srv/shop")
    units = [node.nginx(Color.blue), node.service(Color.blue), node.service_unit(Color.blue, "ws")]
    known = {unit.removesuffix(".service") for unit in (*units, node.shrink(Color.blue, "service"))}
    assert set(named) - {"shop-*"} == known


@each_page
def test_every_page_links_to_the_words(page: Path) -> None:
    assert page.name == "how.md" or "how.md#words)" in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_a_mark_of_an_unfinished_merge(page: Path) -> None:
    assert not re.search(r"^(<{7} |>{7} |={7}$)", page.read_text(), re.MULTILINE)
