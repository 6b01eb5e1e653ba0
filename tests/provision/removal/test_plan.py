"""What a removal takes away, keeps and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.config import load
from orchestrator.errors import Silent
from orchestrator.provision.removal import paths, plan
from orchestrator.provision.removal.left import Left, parse

SETTINGS = load(
    {
        "app": "shop",
        "source": {"origin": "x"},
        "marker": {"answers": "all"},
        "switches": [{"kind": kind, "group": kind, "urls": ["http://b"]} for kind in ("haproxy", "nginx")],
    }
)

PRINTED = """\
path /etc/nginx/conf.d/shop.conf
path /etc/orchestrator/shop
unit shop-blue.target
unit shop-bar.service
rule 10.0.0.11 8081
entry releases
entry shared
foreign my notes.txt
shared 2048
keys 2
login root
other annex deploy
beside /etc/nginx/conf.d/annex.conf
listens 8170
listens 8171
clients 7
end
"""
NODE = parse(PRINTED.splitlines())
ANNEX = "/etc/nginx/conf.d/annex.conf"


def test_all_that_a_host_says_is_read() -> None:
    expected = Left(
        paths=("/etc/nginx/conf.d/shop.conf", "/etc/orchestrator/shop"),
        units=("shop-blue.target", "shop-bar.service"),
        rules=("10.0.0.11 8081",),
        entries=("releases", "shared"),
        foreign=("my notes.txt",),
        shared=2048,
        keys=2,
        login="root",
        others={"annex": "deploy"},
        beside=(ANNEX,),
        listens=(8170, 8171),
        clients=7,
    )
    assert expected == NODE
    assert parse(["login root", "shared unknown", "keys ", "end"]) == Left(login="root")


@pytest.mark.parametrize("lines", range(len(PRINTED.splitlines())))
def test_an_output_that_is_cut_off_is_no_answer(lines: int) -> None:
    with pytest.raises(Silent, match="the output of the command is cut off"):
        parse(PRINTED.splitlines()[:lines])


@pytest.mark.parametrize(
    ("others", "login", "kept"),
    [
        ({}, "root", None),
        ({"annex": "annex"}, "root", None),
        ({"annex": "deploy"}, "root", "because annex may use them"),
        # a host that does not say which user another application has
        ({"annex": ""}, "root", "because annex may use them"),
        # without the keys, this command could never log in again
        ({}, "deploy", "because this command logs in as deploy"),
    ],
)
def test_keys_that_anybody_may_need_stay(others: dict[str, str], login: str, kept: str | None) -> None:
    left = replace(NODE, others=others, login=login)
    assert plan.removes_keys(left, "deploy") is (kept is None)
    assert (kept or "") in (plan.keys_kept(left, "deploy") or "")


@pytest.mark.parametrize("name", ["paths", "units", "rules", "entries"])
def test_a_host_is_clean_when_nothing_is_left(name: str) -> None:
    assert plan.is_clean(Left(login="root", foreign=("notes",), shared=1, others={"annex": "deploy"}, keys=1), "deploy")
    assert not plan.is_clean(Left(login="root", **{name: ("x",)}), "deploy")  # type: ignore[arg-type]
    assert not plan.is_clean(Left(login="root", keys=1), "deploy")


def test_a_mounted_file_system_is_refused() -> None:
    found = {"node1": Left(mounts=("/srv/shop/shared/uploads",)), "node2": Left(mounts=("/srv/shop/releases",))}
    assert [line.partition(": ")[0] for line in plan.problems(found, keep_shared=False)] == ["node1", "node2"]
    # shared data that stays may be mounted
    assert plan.problems(found, keep_shared=True) == [
        "node2: /srv/shop/releases is a mounted file system: unmount it first"
    ]


def test_the_plan_says_what_goes_and_what_stays() -> None:
    assert list(plan.lines(SETTINGS, {"node1": NODE, "node2": Left()}, keep_shared=False)) == [
        f"node1: removes /etc/nginx/conf.d/shop.conf (nginx is reloaded, which also reads {ANNEX}); "
        "/etc/orchestrator/shop; units shop-blue.target, shop-bar.service; "
        "firewall rules that bar nodes: 10.0.0.11 8081; /srv/shop with releases, shared",
        "node1: the keys of deploy stay, because annex may use them",
        "node1: my notes.txt in /srv/shop stays, because this tool did not make it",
        "node2: nothing is left",
    ]
    assert plan.shared_data({"node1": NODE, "node2": Left(), "node3": Left(entries=("shared",))}) == (
        "node1 2.0 MiB, node3 of unknown size"
    )


def test_balancers_come_before_nodes() -> None:
    assert plan.order(["node1", "both"], ["lb1", "both"]) == ["lb1", "both", "node1"]


def test_no_path_is_another_application_s() -> None:
    ours = [*paths.system(SETTINGS), paths.state(SETTINGS)]
    theirs = load({**SETTINGS.model_dump(mode="json", exclude_defaults=True), "app": "shop-admin"})
    for path in (*paths.system(theirs), paths.state(theirs)):
        assert not any(path == one or path.startswith(f"{one}/") for one in ours), path
    assert "shared" not in paths.entries(keep_shared=True)
    gone = {*paths.system(SETTINGS)} - {*paths.system(SETTINGS, keep_shared=True)}
    assert gone == {SETTINGS.node.kept_web_user}
    assert {*paths.entries(keep_shared=False)} >= {"shared", "releases", "live", "blue"}
