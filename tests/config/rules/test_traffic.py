"""Rules about markers, switches, preview, probe, weights and batches."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.traffic import (
    batches_end_with_all_nodes,
    groups_are_distinct,
    http2_needs_https,
    marked_answers_need_a_token,
    preview_port_is_free,
    urls_have_no_path,
    weights_rise_to_100,
)

from .table import balancer, said

TLS = {"certificate": "/etc/tls/shop.pem", "listen": 8443}
NODE = {"kind": "node", "urls": ["http://node1/"]}


@pytest.mark.parametrize(
    ("rule", "changes", "problem"),
    [
        (marked_answers_need_a_token, {"marker": {"answers": "all"}}, None),
        (marked_answers_need_a_token, {"marker": {"token": "hush"}}, None),
        (
            marked_answers_need_a_token,
            {"marker": {}},
            'marker.token is missing, so no release can be verified: set marker.token, or marker.answers = "all"',
        ),
        (groups_are_distinct, {"switches": [balancer("a"), balancer("b"), NODE, NODE]}, None),
        (
            groups_are_distinct,
            {"nodes": "haproxy"},
            "nodes: the group haproxy is also the group of a switch: use a different inventory group for each",
        ),
        (
            groups_are_distinct,
            {"switches": [balancer("a"), balancer("b"), balancer("a")]},
            "switches: two switches have the group a: use a different inventory group for each switch",
        ),
        (preview_port_is_free, {"preview": {"port": 81}}, None),
        (preview_port_is_free, {"preview": {}}, None),
        (preview_port_is_free, {"preview": {"port": 80}, "switches": [NODE]}, None),
        (
            preview_port_is_free,
            {"preview": {"port": 80}},
            "preview.port: the switch of kind haproxy answers users on port 80: choose another port",
        ),
        (
            preview_port_is_free,
            {"preview": {"port": 8443}, "switches": [balancer(tls=TLS)]},
            "preview.port: the switch of kind haproxy answers users on port 8443: choose another port",
        ),
        (urls_have_no_path, {"switches": [balancer(urls=["http://shop.test", "https://shop.test:8443/"])]}, None),
        (urls_have_no_path, {"probe": {"enabled": False}, "switches": [balancer(urls=["http://a.test/app"])]}, None),
        (
            urls_have_no_path,
            {"switches": [NODE, balancer(urls=["http://a.test/", "http://b.test/app?x=y"])]},
            "switches: the URL http://b.test/app?x=y has the path /app?x=y: remove the path, because the probe "
            "requests the paths in probe.paths",
        ),
        (http2_needs_https, {}, None),
        (http2_needs_https, {"probe": {"http2": True}, "switches": [balancer(urls=["https://shop.test/"])]}, None),
        (
            http2_needs_https,
            {"probe": {"http2": True}},
            "probe.http2: HTTP/2 needs https, but http://shop.test/ is an http URL: change the URL, or remove http2",
        ),
        (weights_rise_to_100, {}, None),
        (weights_rise_to_100, {"cutover": [{"weight": 5}, {"weight": 100}]}, None),
        (
            weights_rise_to_100,
            {"cutover": [{"weight": 5}, {"weight": 5}, {"weight": 100}]},
            "cutover: the weights are [5, 5, 100]: the weights must rise and end with 100",
        ),
        (
            weights_rise_to_100,
            {"cutover": [{"weight": 50}, {"weight": 5}, {"weight": 100}]},
            "cutover: the weights are [50, 5, 100]: the weights must rise and end with 100",
        ),
        (
            weights_rise_to_100,
            {"cutover": [{"weight": 50}]},
            "cutover: the weights are [50]: the weights must rise and end with 100",
        ),
        (weights_rise_to_100, {"switches": [NODE]}, None),
        (
            weights_rise_to_100,
            {"switches": [NODE], "cutover": [{"weight": 5}, {"weight": 100}]},
            "cutover: a switch of kind node moves all traffic at once: use one step, with weight 100",
        ),
        (batches_end_with_all_nodes, {}, None),
        (batches_end_with_all_nodes, {"batches": [1, "12.5%", "100%"]}, None),
        *(
            (
                batches_end_with_all_nodes,
                {"batches": [size, "100%"]},
                f'batches: {size!r} is not a batch: give a number of nodes (3) or a percentage ("25%")',
            )
            for size in (0, "101%", "half", "1.5")
        ),
        (
            batches_end_with_all_nodes,
            {"batches": [1, 3]},
            'batches: the last batch is 3, not all nodes: end with "100%"',
        ),
    ],
)
def test_rules_about_traffic(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
