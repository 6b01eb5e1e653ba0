"""The command of a fact runs with the rights of the user who can change the paths that the command reads."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.scripts.command import question

SECRET = "root:$6$secret"


@pytest.fixture
def link() -> Iterator[str]:
    """A link of the deploy user to a file that only this test's user can read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        (place / "shadow").write_text(SECRET)
        (place / "shadow").chmod(0o600)
        (place / "fence").symlink_to("shadow")
        yield str(place / "fence")


def said(link: str, user: str) -> str:
    command = question('id -un; cat "$1" 2>/dev/null; cat', link, user=user)
    words = ["sh", "-c", command.get_raw_value()]
    return subprocess.run(words, input="token", capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads with the rights of another user")
def test_root_reads_with_the_rights_of_the_other_user(link: str) -> None:
    assert said(link, "nobody") == "nobody\ntoken"


@pytest.mark.parametrize("user", ["", "no-such-user"])
def test_without_the_user_the_login_reads(link: str, user: str) -> None:
    assert said(link, user).endswith(f"\n{SECRET}token")


def test_a_login_without_root_s_rights_reads_itself(link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "id"
    program.write_text("#!/bin/sh\necho 1001\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert said(link, "nobody") == f"1001\n{SECRET}token"
