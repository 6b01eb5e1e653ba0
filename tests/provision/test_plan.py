"""The plan of a provisioning says of each host what changes, and what of that touches live traffic."""

from __future__ import annotations

import pytest

from orchestrator.model import Color
from orchestrator.provision.drains import Drain
from orchestrator.provision.node import Task
from orchestrator.provision.plan import Compared, balancer_lines, lines, node_lines
from orchestrator.provision.planned import Change

CONF = Change("write", "nginx configuration", ("/etc/nginx/conf.d/shop.conf",))
RELOAD = Task("nginx with its new configuration", "nginx", disturbs=True, runs=True)
START = Task("nginx with its new configuration", "nginx")


def test_a_host_that_needs_nothing_says_so() -> None:
    assert node_lines(Compared()) == balancer_lines(Compared(), "nginx", [], True) == []
    assert lines({"node1": [], "node2": ["start    green"], "node3": []}) == [
        "    node1, node3: nothing to do",
        "    node2:",
        "        start    green",
    ]


@pytest.mark.parametrize(
    ("task", "drain", "line"),
    [
        (RELOAD, None, "reload   nginx with its new configuration"),
        (RELOAD, Drain(False), "reload   nginx with its new configuration"),
        (
            RELOAD,
            Drain(True, ("haproxy",)),
            "reload   nginx with its new configuration: the node serves traffic, so it is drained first",
        ),
        (
            RELOAD,
            Drain(True, alone=True),
            "reload   nginx with its new configuration: the node serves traffic, so it is drained first, "
            "but not barred, because it is the only node",
        ),
        (START, Drain(True), "start    nginx with its new configuration"),
        (Task("green is up", "up", Color.green), None, "start    green is up"),
        (Task("green: FPM restarted", "restart", Color.green), Drain(True), "restart  green: FPM restarted"),
        (Task("blue: FPM reads it when idle", "later", Color.blue), None, "later    blue: FPM reads it when idle"),
        (Task("systemd reads the units", "units"), None, "run      systemd reads the units"),
        (Task("firewall: from 10.0.0.9", "widen"), None, "admit    firewall: from 10.0.0.9"),
        (Task("firewall: only balancers", "firewall"), None, "load     firewall: only balancers"),
    ],
)
def test_a_node_says_what_is_loaded_and_how_it_is_drained(task: Task, drain: Drain | None, line: str) -> None:
    assert node_lines(Compared((CONF,), tasks=(task,)), drain) == [CONF.text, line]


def test_a_node_without_the_live_release_is_barred_first() -> None:
    found = Compared((CONF,), warnings=("warning: no trusted proxy",))
    reason = "was not provisioned before"
    barred = [
        "bar      this node, before anything is changed, because it was not provisioned before",
        CONF.text,
        "warning  no trusted proxy",
    ]
    assert node_lines(found, lacking=reason) == node_lines(found, lacking=reason, left=True) == barred
    assert node_lines(found, left=True)[0] == "let in   this node again, which an earlier provisioning has drained"


def test_packages_are_followed_by_one_more_comparison() -> None:
    found = Compared((Change("install", "packages nginx"), CONF))
    later = "later    the files are compared once more after the packages are installed"
    assert node_lines(found) == ["install  packages nginx", CONF.text, later]


@pytest.mark.parametrize(
    ("kind", "verb", "serving", "line"),
    [
        ("haproxy", "start", True, "start    HAProxy"),
        ("haproxy", "reload", False, "reload   HAProxy"),
        (
            "haproxy",
            "reload",
            True,
            "reload   HAProxy: live traffic is not drained, because a reload of HAProxy ends no request",
        ),
        (
            "haproxy",
            "restart",
            True,
            "restart  HAProxy: live traffic is not drained: requests on this balancer's connections are cut",
        ),
        (
            "nginx",
            "reload",
            True,
            "reload   nginx: nginx serves traffic, so its idle connections end first",
        ),
    ],
)
def test_a_balancer_says_what_its_live_traffic_gets(kind: str, verb: str, serving: bool, line: str) -> None:
    assert balancer_lines(Compared(verbs=(verb,)), kind, [], serving) == [line]


def test_a_node_that_leaves_is_barred_before_the_reload() -> None:
    assert balancer_lines(Compared((CONF,), verbs=("reload",)), "haproxy", ["node3"], False) == [
        CONF.text,
        "bar      node3, which leaves the fleet, and forget node3 when no connection is left",
        "reload   HAProxy",
    ]
