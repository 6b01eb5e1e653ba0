"""Questions of tests about processes."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs: it has not ended, and is not a zombie.

    The first thread of a killed process may be a zombie while another thread, which is still ending, keeps the open
    files and pipes of the process.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def wait_until_dead(pid: int) -> None:
    """A process that was killed needs a moment to be gone."""
    eventually(lambda: not alive(pid))


def eventually(true: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until something is true. Fails after so many seconds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not come true in {patience:.0f} s"
        time.sleep(0.01)


def readable(files: str) -> list[bytes]:
    """Return the contents of some files of all processes, by a pattern below /proc. Processes may end meanwhile."""
    found = []
    for path in Path("/proc").glob(files):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


TOOLS = """awk basename cat cksum cp cut date dd df dirname env expr find flock grep head id ln ls mkdir mv od paste ps
    readlink realpath rm sed sh sleep socat sort stat sudo sync systemctl tail tee timeout touch tr uniq wc xargs"""


def counted(directory: Path, fakes: Path | None = None) -> tuple[str, Callable[[], list[str]]]:
    """A value for PATH, and a function that returns which programs of TOOLS were started, in order.

    No other program is found in PATH. A program that a script names by its path is not counted.

    + directory: a new directory for the programs
    + fakes: directory with stand-ins, which come before the real programs. Programs that they start are not counted.
    """
    directory.mkdir()
    log = directory / "started.log"
    for program in TOOLS.split():
        fake = fakes / program if fakes else None
        real = shlex.quote(str(shutil.which(program)))
        if fake is not None and fake.exists():
            real = f"/usr/bin/env PATH={shlex.quote(f'{fakes}:' + os.environ['PATH'])} {shlex.quote(str(fake))}"
        wrapper = directory / program
        wrapper.write_text(f'#!/bin/sh\necho {program} >>{shlex.quote(str(log))}\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
    return str(directory), lambda: log.read_text().split() if log.exists() else []
