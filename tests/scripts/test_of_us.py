"""The script that leaves the guards of another inventory's hosts alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.config.identity import Identity
from orchestrator.scripts.files import read


@pytest.mark.parametrize(
    ("journal", "address", "runs"),
    [
        ("lb1", "10.0.0.9", True),
        ("balancer1", "10.0.0.9", True),
        ("lb1", "10.0.0.8", True),
        ("lb2", "10.0.0.8", False),
        ("s3://acme/shop", "", True),
        ("s3://acme/shop-x", "", False),
        ("b1", "0.0.0.9", False),
    ],
)
def test_a_command_runs_only_under_our_lock(tmp_path: Path, journal: str, address: str, runs: bool) -> None:
    file = tmp_path / "inventory"
    script = read("scripts/of_us.sh") + "\nof_us \"$@\" && echo 'a b'"
    command = ["sh", "-c", script, "of_us", str(file), "10.0.0.9 lb1 s3://acme/shop"]
    # no identity: the host is new, or an earlier version provisioned it
    assert subprocess.run(command, capture_output=True, text=True).stdout == "a b\n"
    file.write_text(Identity("shop", "", "prod", journal, address).text)
    done = subprocess.run(command, capture_output=True, text=True)
    why = f"another inventory has its lock on {journal}\n"
    assert (done.returncode, done.stdout, done.stderr) == ((0, "a b\n", "") if runs else (1, "", why))
