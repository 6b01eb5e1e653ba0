"""The password of the origin goes to the origin's host only. The real script, real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.scripts.files import read
from tests.fakes.git import GIT

ASK = 'ask_as login "" "$1"; printf "protocol=%s\\nhost=%s\\n\\n" "$2" "$3" | git credential fill'


# git before 2.31 does not read GIT_CONFIG_COUNT
OLD_GIT = """#!/bin/sh
[ "$1" != --version ] || { echo 'git version 2.30.2'; exit; }
unset GIT_CONFIG_COUNT
exec GIT "$@"
"""


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("origin", "asked", "goes"),
    [
        ("https://git.test/team/shop.git", ("https", "git.test"), True),
        ("https://git.test:8443/shop.git", ("https", "git.test:8443"), True),
        ("http://git.test", ("http", "git.test"), True),
        ("http://git.test:8080/shop.git", ("https", "git.test"), True),
        # such as the server of a submodule, or a server to which the origin redirects
        ("https://git.test/shop.git", ("https", "evil.test"), False),
        ("https://git.test/shop.git", ("https", "git.test.evil.test"), False),
        ("https://git.test/shop.git", ("http", "git.test"), False),
        ("https://git.test:8443/shop.git", ("https", "git.test"), False),
    ],
)
def test_the_password_goes_to_the_origin_only(
    origin: str, asked: tuple[str, str], goes: bool, old: bool, tmp_path: Path
) -> None:
    command = ["sh", "-c", f"{read('scripts/origin.sh')}\n{ASK}", "orchestrator", origin, *asked]
    variables = {**os.environ, **GIT, "GIT_CONFIG_NOSYSTEM": "1"}
    if old:
        (tmp_path / "git").write_text(OLD_GIT.replace("GIT ", f"{shutil.which('git')} "))
        (tmp_path / "git").chmod(0o755)
        variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
    done = subprocess.run(command, input="me\nh1dden\n", capture_output=True, text=True, env=variables)
    assert ("password=h1dden" in done.stdout) is goes
    assert (done.returncode == 0) is goes
