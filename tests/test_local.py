"""Commands on the operator's machine end in time, together with every process that they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import local
from orchestrator.errors import TookTooLong
from tests.fakes.processes import alive, eventually, wait_until_dead

pytestmark = pytest.mark.exhaustive


def test_output_and_status_of_a_command_are_returned() -> None:
    done = local.run("echo out; echo err >&2; exit 3", 10)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert local.run("echo out; echo err >&2", 10, together=True).stdout == "out\nerr\n"
    assert local.run('echo "$A"; cat', 10, environment={"A": "b"}).stdout == "b\n"


def test_the_processes_of_a_late_command_end_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(TookTooLong, match=r"^`echo before; .*` took longer than 2 s$") as late:
        local.run(f"echo before; sleep 60 & echo $! >{child}; wait", 2.0)
    assert late.value.output == ("before",)
    wait_until_dead(int(child.read_text()))


PATCHED = "from gevent import monkey; monkey.patch_all(); import sys; from orchestrator import local"


@pytest.mark.parametrize(
    "first",
    [PATCHED, "import sys; from orchestrator import local"],
    ids=["gevent", "plain"],
)
def test_a_process_in_another_session_is_not_waited_for(tmp_path: Path, first: str) -> None:
    child = tmp_path / "child"
    leaving = f"setsid sh -c 'echo $$ >{child}; exec sleep 600' & echo done"
    script = f"{first}\ntry: local.run(sys.argv[1], 1)\nexcept local.TookTooLong: print('took too long')"
    done = subprocess.run([sys.executable, "-c", script, leaving], capture_output=True, text=True)
    assert done.stdout == "took too long\n", done.stderr
    eventually(child.exists)
    assert alive(int(child.read_text()))
    os.kill(int(child.read_text()), signal.SIGKILL)
