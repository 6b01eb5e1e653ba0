"""The host of the journal fails at the commit of a release: its disk is full, or it is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.safety import Calm, Run, copy_of_inventory, words
from tests.fleet.test_crash_points import is_consistent
from tests.fleet.test_failures import FULL, NO_SSH, ROOM, SSH, Break

pytestmark = pytest.mark.slow

JOURNAL = "/var/lib/orchestrator/shop/journal"
FAULTS = {
    "full": (
        FULL.format(dir=JOURNAL),
        f"{ROOM.format(dir=JOURNAL)}; true",
        f"no space left on device: {JOURNAL} has 0 KiB free",
    ),
    "cut off": (NO_SSH, SSH, "haproxy, which holds lock and journal"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_journal_that_fails_at_the_commit(calm: Calm, tmp_path: Path, broken: Break, fault: str) -> None:
    break_it, mend, said = FAULTS[fault]
    script = tmp_path / "break"
    script.write_text(break_it)
    hook = {
        "after": "cutover",
        "on": "operator",
        "run": f"docker exec -i {calm.fleet.container('haproxy')} sh < {script}",
    }
    broken("haproxy", "true", mend)
    release = Run(calm.fleet, *words("release", ref="v1"), inventory=copy_of_inventory(tmp_path, hooks=[hook]))
    assert release.end() == 0, release.text
    assert "warning: the journal cannot be written" in release.text
    assert said in release.text
    assert "the rest of this run is noted on node1, node2, node3, " in release.text
    assert f"({calm.before.idle}) has all the traffic" in release.text
    assert is_consistent(calm.fleet).live == calm.before.idle

    if fault == "full":
        refused = Run(calm.fleet, *words("rollback"))
        assert refused.end() == 3, refused.text
        assert said in refused.text
        assert "in an emergency, deploys/rollback.py --data journal=off" in refused.text
        back = Run(calm.fleet, *words("rollback", journal="off"))
        assert back.end() == 0, back.text
        assert "this run is noted on node1, node2, node3, " in back.text
        assert is_consistent(calm.fleet).live == calm.before.live
        status = calm.fleet.pyinfra("deploys/status.py")
        assert status.stdout.count("is noted on the hosts") == 2, status.stdout

    assert calm.fleet.exec("haproxy", mend).returncode == 0
    live = is_consistent(calm.fleet).live
    after = Run(calm.fleet, *words("rollback"))
    assert after.end() == 0, after.text
    assert after.text.count("its notes on the hosts are in the journal now") == (2 if fault == "full" else 1)
    # neither run was undone or settled: both had ended
    assert "stopped before its end" not in after.text
    assert is_consistent(calm.fleet).live != live
    status = calm.fleet.pyinfra("deploys/status.py")
    assert "NOTED" not in status.stdout
    assert "JOURNAL" not in status.stdout
    calm.no_request_failed()
