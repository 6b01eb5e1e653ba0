"""Inventories of one application that must not share servers."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.safety import Calm, Run, copy_of_inventory, words


def test_another_inventory_of_the_application_is_refused(calm: Calm, tmp_path: Path) -> None:
    other = copy_of_inventory(tmp_path).rename(tmp_path / "staging.py")
    ours, theirs = (f"{name} (lock and journal: haproxy)" for name in ("fleet", "staging"))
    line = f"the application shop belongs to the inventory {ours}, and this inventory is {theirs}: if both shall share"
    run = Run(calm.fleet, *words("provision"), inventory=other)
    assert run.end() == 3, run.text
    assert f"node1, node2, node3, haproxy, nginx: {line}" in run.text
    assert "run deploys/provision.py --data replaces=fleet" in run.text
    run = Run(calm.fleet, *words("release"), inventory=other)
    assert run.end() == 3, run.text
    assert f"node1, node2, node3, haproxy, nginx: {line}" in run.text
    calm.untouched()
    calm.no_request_failed()
