"""The check of HAProxy's new configuration, run for real with stand-ins for haproxy and ss."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.provision import render

HAPROXY = """#!/bin/sh
[ "$1" != -v ] || { echo 'HA-Proxy version 2.0.33-0ubuntu0.1 2023/10/31 - https://haproxy.org/'; exit; }
for candidate; do :; done
[ ! -s "$candidate" ] || { cat "$candidate" >&2; exit 3; }
echo 'Configuration file is valid'
"""

NEEDED = (
    "this server has HAProxy 2.0.33: install HAProxy 2.2 or later (HAProxy 2.4 and 2.5: a version from 2022 or later)"
)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("", []),
        ("[ALERT] parsing [shop.cfg:19] : unknown keyword 'ring'", [NEEDED]),
        ("[ALERT] 'http-request' expects 'auth', but got 'return'", [NEEDED]),
        # a fault that has nothing to do with the version
        ("[ALERT] cannot open the file '/tls.pem'", []),
    ],
)
def test_a_haproxy_that_is_too_old_is_named(refused: str, told: list[str], tmp_path: Path) -> None:
    for name, text in {"haproxy": HAPROXY, "ss": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "candidate").write_text(refused)
    script = (render.TEMPLATES / "check-haproxy").read_text().replace("/usr/sbin/haproxy", f"{tmp_path}/haproxy")
    done = subprocess.run(
        ["sh", "-c", script, "check-haproxy", f"{tmp_path}/candidate", f"{tmp_path}/shop.cfg", "80"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.returncode == (3 if refused else 0)
    assert done.stderr.splitlines() == [*([refused] if refused else []), *told]
