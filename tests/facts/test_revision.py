"""The line that says why an origin does not answer: the real script, real git, a fake SSH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import Refused
from orchestrator.facts.revision import Revision, resolve
from orchestrator.source.checkout import commit_of
from tests.fakes.git import GIT, git

NAMES = ("feature/#123-login", "fix/ünïcode", "feat/a&b", "release(1)", "@babel", "a{b}", "$x;'\"")

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


def test_each_name_that_git_permits_is_found(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commits = {}
    for name in NAMES:
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", name)
        git(tmp_path, "branch", name)
        commits[name] = git(tmp_path, "rev-parse", "HEAD").strip()
    fact = Revision()
    for name, commit in commits.items():
        command = fact.command(root=str(tmp_path), origin=str(tmp_path), ref=name)
        done = subprocess.run(["sh", "-c", command.get_raw_value()], capture_output=True, text=True)
        assert resolve(name, fact.process(done.stdout.splitlines())) == commit
        assert commit_of(str(tmp_path), name) == commit
