"""The command of a fact runs with the rights of the user who can change the paths that the command reads."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.scripts.command import BY, question

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


def said(link: str, user: str, login: str | None = None) -> str:
    """What a question prints that asks for the rights of a user.

    + login: the user who asks; None for the user of this test
    """
    command = question('id -un; cat "$1" 2>/dev/null; cat', link, user=user)
    words = ["sh", "-c", command.get_raw_value()]
    return subprocess.run(words, input="token", capture_output=True, text=True, check=True, user=login).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads with the rights of another user")
def test_root_reads_with_the_rights_of_the_other_user(link: str) -> None:
    assert said(link, "nobody") == "nobody\ntoken"


@pytest.mark.parametrize("user", ["", "no-such-user"])
def test_without_the_user_the_login_reads(link: str, user: str) -> None:
    assert said(link, user).endswith(f"\n{SECRET}token")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can log in as another user")
def test_a_login_without_root_s_rights_reads_itself(link: str) -> None:
    (Path(link).parent / "shadow").chmod(0o644)
    # nobody is not permitted to run a command with the rights of daemon
    assert said(link, "daemon", login="nobody") == f"nobody\n{SECRET}token"


def test_if_the_user_id_is_unknown_the_rights_are_limited(link: str) -> None:
    unknown = BY.replace("/proc/self/status", "/no/status")
    assert unknown != BY
    words = ["sh", "-c", f'{unknown} "$@"', "orchestrator", "no-such-user", "--", "echo", "read"]
    assert subprocess.run(words, capture_output=True, text=True, env={"by": "1001"}).stdout == "read\n"
    words[4] = "nobody"
    by = {"by": "1001", "PATH": f"{Path(link).parent}:{os.environ['PATH']}"}
    runuser = Path(link).parent / "runuser"
    runuser.write_text('#!/bin/sh\necho "runuser $*"\n')
    runuser.chmod(0o755)
    assert subprocess.run(words, capture_output=True, text=True, env=by).stdout == "runuser -u nobody -- echo read\n"
