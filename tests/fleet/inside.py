"""Runs commands in a container as `docker exec` does, but ten times faster: in the namespaces of its first process."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTER = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]


class Containers:
    """The first process of each container. A container that was started again has another first process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str]] = {}
        self._enters = os.geteuid() == 0 and shutil.which("nsenter") is not None

    def command(self, container: str, command: str) -> list[str]:
        """Return the words of a command that runs a shell command in a container as root."""
        process = self.first_process(container) if self._enters else 0
        if not process:
            return ["docker", "exec", container, "sh", "-c", command]
        enter = ["nsenter", "--target", str(process), *ENTER]
        return [*enter, "env", "-i", f"PATH={PATH}", "HOME=/root", "container=docker", "sh", "-c", command]

    def first_process(self, container: str) -> int:
        """Return the id on this machine of a running container's first process, 0 for any other container."""
        process, began = self._known.get(container, (0, ""))
        if process and _began(process) == began:
            return process
        words = ["docker", "inspect", "--format", "{{.State.Pid}}", container]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
        process = int(said) if said.isdigit() else 0
        if process:
            self._known[container] = (process, _began(process))
        return process


def _began(process: int) -> str:
    """Return the start time of a process, empty if there is no such process. Two processes with one id differ in it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
