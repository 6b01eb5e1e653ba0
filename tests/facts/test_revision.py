"""The line that says why an origin does not answer: the real script, real git, a fake SSH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import Refused
from orchestrator.facts.revision import Revision, resolve
from tests.fakes.git import GIT

BANNER = "*** authorized use only ***"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ((BANNER, "git@git.test: Permission denied (publickey)."), r"git@git.test: Permission denied \(publickey\)."),
        (("ssh: Could not resolve hostname git.test",), "ssh: Could not resolve hostname git.test"),
        (("ERROR: Repository not found.",), "ERROR: Repository not found."),
        ((), "fatal: Could not read from remote repository."),
    ],
)
def test_the_reason_is_shown_without_git_s_additions(tmp_path: Path, said: tuple[str, ...], shown: str) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\n" + "".join(f"echo '{line}' >&2\n" for line in said) + "exit 255\n")
    ssh.chmod(0o755)
    fact = Revision()
    command = fact.command(root=str(tmp_path), origin="git@git.test:shop.git", ref="main")
    variables = {**os.environ, **GIT, "GIT_SSH_COMMAND": str(ssh)}
    done = subprocess.run(["sh", "-c", command.get_raw_value()], env=variables, capture_output=True, text=True)
    with pytest.raises(Refused, match=f"^the origin does not answer: {shown}$"):
        resolve("main", fact.process(done.stdout.splitlines()))
