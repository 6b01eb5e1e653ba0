"""The identity of an inventory, and which identities are those of one inventory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.config import load
from orchestrator.config.identity import Identity, identity, name_of, parse

from .test_settings import raw

PROD = Identity("shop", "", "prod", "lb1", "10.0.0.9")
HOSTS = frozenset({"lb1", "10.0.0.9", "web1", "10.0.0.1"})


def test_an_identity_is_read_as_it_was_written() -> None:
    for one in (PROD, replace(PROD, deployment="staging", address=""), replace(PROD, journal="s3://acme/shop")):
        lines = [line.split(" ", 1) for line in one.text.splitlines() if not line.startswith("#")]
        assert parse({f"of.{key}": value for key, value in lines}) == one
    assert parse({}) is None
    assert parse({"of.app": "shop"}) is None


def test_the_identity_says_where_the_journal_is() -> None:
    assert identity(load(raw()), "prod", "lb1", "10.0.0.9") == PROD
    assert identity(load(raw()), "", "lb1", "10.0.0.9").inventory == "unnamed"
    in_s3 = load(raw(deployment="x", journal={"kind": "s3", "bucket": "acme", "prefix": "journals/"}))
    assert identity(in_s3, "prod", "lb1", "10.0.0.9") == Identity("shop", "x", "prod", "s3://acme/journals-x")


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (PROD, True),
        (replace(PROD, inventory="staging"), False),
        (replace(PROD, inventory="unnamed"), True),
        # the host of the journal has a new name, or a new address
        (replace(PROD, journal="balancer1"), True),
        (replace(PROD, address="10.0.0.8"), True),
        (replace(PROD, journal="lb2", address="10.0.0.8"), False),
        # the journal was moved from a host of the inventory to another one
        (replace(PROD, journal="web1", address="10.0.0.1"), True),
        (replace(PROD, journal="web1", address="10.0.0.7"), True),
        (replace(PROD, journal="s3://acme/shop", address=""), False),
    ],
)
def test_which_inventory_is_the_same(found: Identity, same: bool) -> None:
    assert found.is_same_inventory(PROD, HOSTS) is same


def test_an_inventory_with_its_journal_in_s3() -> None:
    ours = Identity("shop", "", "prod", "s3://acme/shop")
    assert ours.is_same_inventory(ours, HOSTS)
    assert not replace(ours, journal="s3://acme/other").is_same_inventory(ours, HOSTS)
    assert PROD.is_same_inventory(ours, HOSTS)


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ({"nodes": ["a", "b"], "prod": ["a", "b", "c"], "haproxy": ["c"]}, "prod"),
        # pyinfra adds the group of the file after the groups in the file
        ({"nodes": ["a", "b", "c"], "all": ["a", "b", "c"], "prod": ["c", "b", "a"]}, "prod"),
        ({"nodes": ["a", "b"], "haproxy": ["c"], "aws": []}, ""),
        ({"nodes": ["a"], "@docker": ["a", "b", "c"], "with space": ["a", "b", "c"]}, ""),
    ],
)
def test_an_inventory_is_named_like_its_file(groups: dict[str, list[str]], name: str) -> None:
    assert name_of(groups, ["a", "b", "c"]) == name
