"""The script that bars a node, with a fake iptables that keeps its rules in a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.provision import render

STAND_IN = """\
#!/bin/sh
# iptables -w 5 -C|-I|-D <rule>, iptables -w 5 -S <chain>
verb=$3; shift 3
echo "$verb" >>RULES.asked
case $verb in
    -S) [ ! -e RULES.secret ] || exit 1; echo "-P $1 ACCEPT"; sed -n 's/^OUTPUT/-A OUTPUT/p' RULES ;;
    -C) grep -qxF -- "$*" RULES ;;
    -I) echo "$*" >>RULES ;;
    -D) grep -vxF -- "$*" RULES >RULES.new; mv RULES.new RULES ;;
esac
"""

Bar = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules"
    path.write_text("-p tcp --dport 22 -j ACCEPT\n")
    return path


@pytest.fixture
def bar(tmp_path: Path, rules: Path) -> Bar:
    settings = load(
        {
            "app": "shop",
            "source": {"origin": "o"},
            "switches": [{"kind": "nginx", "group": "b", "urls": ["http://b"]}],
            "marker": {"answers": "all"},
        }
    )
    nodes = tmp_path / "nodes"
    found = {"n1.example": "10.0.0.1", "n2.example": "fd00::2"}
    # the second line is of version 0.1, which wrote no name
    text = render.nodes_list(settings, {"n1": "n1.example", "n2": "n2.example"}, found)
    nodes.write_text(text.replace(" n2\n", "\n"))
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).write_text(STAND_IN.replace("RULES", str(rules)))
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "bar"
    text = render.bar(settings).replace(render.nodes_file(settings), str(nodes))
    script.write_text(text.replace("/usr/sbin/", f"{tmp_path}/").replace("sleep 3.5", "sleep 0"))

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", str(script), *arguments], capture_output=True, text=True, timeout=60)

    return call


def test_a_node_is_barred_once_however_often_it_is_asked(bar: Bar, rules: Path) -> None:
    for _ in range(2):
        assert bar("n1.example", "on").returncode == 0
    assert rules.read_text().splitlines()[1:] == [
        f"OUTPUT -p tcp -d 10.0.0.1 --dport {port} --syn -j REJECT --reject-with tcp-reset" for port in (8081, 8082)
    ]
    assert bar("list").stdout == "n1.example\n"


def test_a_list_without_a_bar_asks_each_table_once(bar: Bar, rules: Path) -> None:
    asked = rules.with_suffix(".asked")
    assert bar("list").stdout == ""
    assert asked.read_text().split() == ["-S", "-S"]
    bar("n1.example", "on")
    asked.unlink()
    assert bar("list").stdout == "n1.example\n"
    # the stand-in has one list of rules for both tables
    assert asked.read_text().split() == ["-S", "-C", "-S", "-C", "-C"]


def test_a_bar_is_found_if_the_rules_cannot_be_listed(bar: Bar, rules: Path) -> None:
    bar("n2.example", "on")
    rules.with_suffix(".secret").touch()
    assert bar("list").stdout == "n2.example\n"


def test_lifting_leaves_other_rules_alone(bar: Bar, rules: Path) -> None:
    before = rules.read_text()
    bar("n1.example", "on")
    for _ in range(2):
        assert bar("n1.example", "off").returncode == 0
    assert rules.read_text() == before
    assert bar("list").stdout == ""


def test_both_families(bar: Bar) -> None:
    bar("n2.example", "on")
    assert bar("list").stdout == "n2.example\n"


@pytest.mark.parametrize("address", ["10.0.0.1", "n1", "n1.exampl.", "", "-h", "n3.example"])
def test_only_nodes_of_the_fleet(bar: Bar, rules: Path, address: str) -> None:
    before = rules.read_text()
    assert bar(address, "on").returncode == 65
    assert rules.read_text() == before


@pytest.mark.parametrize("arguments", [[], ["n1.example"], ["n1.example", "x"], ["n1.example", "on", "x"], ["lists"]])
def test_bad_usage(bar: Bar, arguments: list[str]) -> None:
    assert bar(*arguments).returncode == 64
