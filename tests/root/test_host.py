"""The trace of the real scripts of provisioning shows no violation, and the trace of what they once did shows each."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import as_user, guarded
from tests.root.allowed import allowed
from tests.root.host import Entries, account, others
from tests.root.rule import Others, violations
from tests.root.trace import OPTIONS, Process, touches

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("strace") is None, reason="needs root and strace"),
]

DEPLOY, GROUP = "nobody", grp.getgrgid(65534).gr_name


class Place:
    """A host's directories: root's `etc`, the deploy user's `shop` and `home`, and root's sticky `state`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        for name in ("etc", "shop", "home", "state", "shop/guard", "shop/shared", "state/guard"):
            (scratch / name).mkdir()
            if name not in ("etc", "state"):
                shutil.chown(scratch / name, DEPLOY, GROUP)
        shutil.chown(scratch / "state", "root", GROUP)
        (scratch / "state").chmod(0o1775)

    def found(self, command: StringCommand, text: str = "") -> list[str]:
        """Run a command as root, and return the system calls of the violations with their paths."""
        output = self.scratch / "trace"
        words = ["strace", *OPTIONS, "-o", str(output), "sh", "-c", command.get_raw_value()]
        done = subprocess.run(words, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = output.read_text(errors="replace").splitlines()
        output.unlink()
        first = {int(lines[0].split()[0]): Process(0, str(Path.cwd()))}
        others = Others(frozenset({65534}), frozenset({65534}))
        exceptions = allowed(f"{self.scratch}/shop", f"{self.scratch}/state")
        seen = violations(touches(lines, first), Entries(""), others, exceptions)
        return [line.split(": ")[0].replace(f"{self.scratch}/", "") for line in seen]

    def script(self, name: str, *words: str) -> StringCommand:
        return guarded(read(f"provision/{name}.sh"), [word.replace("@", str(self.scratch)) for word in words], None)

    def shell(self, text: str) -> StringCommand:
        return guarded(f'cd "$1" && {text}', [str(self.scratch)], None)


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        Path(scratch).chmod(0o755)
        yield Place(Path(scratch))


def test_the_scripts_of_provisioning_violate_nothing(place: Place) -> None:
    owner = f"{DEPLOY}:{GROUP}"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    commands = [
        place.script(
            "directories_below", "@/shop", DEPLOY, GROUP, "2775", "shared", "shared/storage", "shared/storage/a"
        ),
        place.script("directories_below", "@/state", DEPLOY, GROUP, "755", "guard"),
        place.script("file", "@/etc/shop.conf", "root:root", "644", "", empty, "placed"),
        place.script("file", "@/etc/record", owner, "644", "", empty, "placed"),
        place.script("weights_map", "@/state/weights.map", "100", DEPLOY, GROUP),
        as_user(DEPLOY, place.script("authorized_keys", "@/home")),
        as_user(DEPLOY, place.shell("echo - >shop/guard/drain.new && mv -fT shop/guard/drain.new shop/guard/drain")),
        as_user(DEPLOY, place.shell("ln -sT blue shop/live && rm -f shop/live")),
        place.script("keep", "@/etc/kept", "@/etc/shop.conf", "@/etc/missing"),
        place.script("put_back", "@/etc/kept"),
    ]
    assert [place.found(command) for command in commands] == [[]] * len(commands)
    assert (place.scratch / "shop/shared/storage/a").is_dir()


FAULTS = {
    "the socket of a root process is given away by its path": (
        "touch shop/fpm.sock && chown nobody shop/fpm.sock",
        ["openat shop/fpm.sock", "fchownat shop/fpm.sock"],
    ),
    "the weights are written by root": (
        ": >home/weights.map.candidate && mv -fT home/weights.map.candidate home/weights.map",
        ["openat home/weights.map.candidate", "renameat2 home/weights.map.candidate", "renameat2 home/weights.map"],
    ),
    "nested shared directories are made by their paths": (
        "mkdir -p -- shop/shared/a && chown nobody -- shop/shared/a && chmod 2775 -- shop/shared/a",
        ["mkdir shop/shared/a", "fchownat shop/shared/a", "fchmodat shop/shared/a"],
    ),
    "the drain mark is written by root": (
        "echo - >shop/guard/drain && rm -f -- shop/guard/drain",
        ["openat shop/guard/drain", "unlinkat shop/guard/drain"],
    ),
    "a stamp is written where the web user can put a link": (
        "sha256sum /etc/passwd >home/loaded",
        ["openat home/loaded"],
    ),
    "keys are permitted by root": ("mkdir home/.ssh && chmod 700 home/.ssh", ["mkdir home/.ssh", "fchmodat home/.ssh"]),
    "the live link is made by root": (
        "ln -s blue shop/live && chown -h nobody shop/live",
        ["symlinkat shop/live", "fchownat shop/live"],
    ),
    "a file is copied back into a directory of others": ("cp -a -- /etc/hostname shop/x", ["openat shop/x"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_root_once_did_is_a_violation(place: Place, fault: str) -> None:
    text, wanted = FAULTS[fault]
    seen = place.found(place.shell(text))
    assert set(wanted) <= set(seen), seen


def test_an_entry_that_is_gone_is_still_known(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    entries = Entries(str(tmp_path))
    known = entries["/srv"]
    (tmp_path / "srv").rmdir()
    assert entries["/srv"] == known
    assert entries.get("/etc") is None


def test_users_are_read_with_all_their_groups(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\ndeploy:x:1001:1002::/home/deploy:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\ndeploy:x:1002:\nadm:x:4:root\nwww-data:x:33:ann,deploy\n")
    assert account(str(tmp_path), "deploy") == 1001
    assert others(str(tmp_path), ["deploy", "nobody"]) == Others(frozenset({1001}), frozenset({1002, 33}))
