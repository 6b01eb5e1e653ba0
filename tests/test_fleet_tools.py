"""The tools that the fleet's scripts install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fleet_tools

# installs the package whose name is the last argument; fails if another process installs at the same time
APT_GET = """#!/bin/sh
[ "$1" = update ] && exit
mkdir {busy} || exit 100
sleep 0.3
for package; do :; done
echo "$package" >>{log}
printf '#!/bin/sh\\n' >{bin}/$package
chmod +x {bin}/$package
rmdir {busy}
"""


def test_two_processes_install_a_package_once(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "apt-get"
    program.write_text(APT_GET.format(busy=tmp_path / "busy", log=tmp_path / "log", bin=bin_))
    program.chmod(0o755)
    ensure = "import os; os.getuid = lambda: 0; import fleet_tools; fleet_tools.ensure_package('nowhere', 'nowhere')"
    environment = {
        "PATH": f"{bin_}:/usr/bin:/bin",
        "PYTHONPATH": str(Path(fleet_tools.__file__).parent),
        "TMPDIR": str(tmp_path),
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", ensure], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert (tmp_path / "log").read_text() == "nowhere\n"


def test_no_database_server_is_started_by_its_package(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "apt-get"
    program.write_text(APT_GET.format(busy=tmp_path / "busy", log=tmp_path / "log", bin=bin_))
    program.chmod(0o755)
    code = (
        "import os, pathlib, sys; os.getuid = lambda: 0; import fleet_tools\n"
        "real = pathlib.Path; fleet_tools.Path = lambda name: real(str(name).replace('/etc', sys.argv[1])"
        ".replace('/usr/lib', sys.argv[1]))\n"
        "fleet_tools.ensure_database_servers()"
    )
    environment = {
        "PATH": f"{bin_}:/usr/bin:/bin",
        "PYTHONPATH": str(Path(fleet_tools.__file__).parent),
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    conf = tmp_path / "postgresql-common" / "createcluster.conf"
    assert conf.read_text() == "create_main_cluster = false\n"
    assert (tmp_path / "log").read_text().splitlines()[0] == "postgresql"
