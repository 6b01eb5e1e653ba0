"""The former files come back as they were, whatever a provisioning did with them. The real scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.scripts.files import read
from orchestrator.scripts.guarded import guarded


class Place:
    """A directory with files that a provisioning changes."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.kept, self.units = scratch, scratch / "etc/kept", scratch / "units"
        for name in ("etc", "units", "bin", "directory"):
            (scratch / name).mkdir()
        (scratch / "changed").write_text("old\n")
        (scratch / "changed").chmod(0o640)
        (scratch / "removed").symlink_to("somewhere")
        (scratch / "link").symlink_to("old")
        systemctl = scratch / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$*" >>{scratch}/said\n')
        systemctl.chmod(0o755)

    @property
    def paths(self) -> list[str]:
        names = ("changed", "removed", "link", "directory", "new", "units/new.service")
        return [str(self.scratch / name) for name in names]

    def run(self, script: str, *words: str) -> int:
        text = read(f"provision/{script}.sh").replace("/etc/systemd/system", str(self.units))
        command = guarded(text, [str(self.kept), *words], None).get_raw_value()
        environment = {"PATH": f"{self.scratch}/bin:/usr/bin:/bin"}
        return subprocess.run(["sh", "-c", command], env=environment, capture_output=True).returncode

    def change(self) -> None:
        """Change all files, as a provisioning does that stops in the middle of a file."""
        (self.scratch / "changed").write_text("new\n")
        (self.scratch / "changed").chmod(0o600)
        (self.scratch / "changed.candidate").write_text("newer\n")
        (self.scratch / "removed").unlink()
        (self.scratch / "link").unlink()
        (self.scratch / "link").symlink_to("new")
        (self.scratch / "new").write_text("new\n")
        (self.units / "new.service").write_text("new\n")
        (self.scratch / "directory/inside").write_text("kept\n")

    def seen(self) -> list[tuple[str, int, str]]:
        found = []
        for path in sorted(self.scratch.rglob("*")):
            text = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
            found.append((str(path.relative_to(self.scratch)), path.lstat().st_mode, text))
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_all_former_files_come_back_as_they_were(place: Place) -> None:
    before = place.seen()
    assert place.run("keep", *place.paths) == 0
    place.change()
    assert place.run("put_back") == 0
    (place.scratch / "directory/inside").unlink()
    said = (place.scratch / "said").read_text().splitlines()
    assert said == ["disable --quiet --now new.service", "daemon-reload"]
    (place.scratch / "said").unlink()
    assert place.seen() == before
    # once more, there is nothing to put back
    assert place.run("put_back") == 0
    assert place.seen() == before


def test_files_that_are_all_in_place_stay(place: Place) -> None:
    assert place.run("keep", *place.paths) == 0
    place.change()
    after = [one for one in place.seen() if not one[0].startswith("etc/")]
    for _ in range(2):
        assert place.run("forget") == 0
    assert place.run("put_back") == 0
    assert [one for one in place.seen() if not one[0].startswith("etc/")] == after
    assert list(place.kept.parent.iterdir()) == []


def test_copies_of_an_earlier_provisioning_are_not_lost(place: Place) -> None:
    assert place.run("keep", *place.paths) == 0
    place.change()
    assert place.run("keep", *place.paths) == 1
    assert place.run("put_back") == 0
    assert (place.scratch / "changed").read_text() == "old\n"


@pytest.mark.parametrize("half", ["kept.new", "kept.old"])
def test_half_a_copy_is_never_put_back(place: Place, half: str) -> None:
    there = place.kept.with_name(half)
    there.mkdir()
    (there / "list").write_text(f"{place.scratch}/changed\n")
    assert place.run("put_back") == 0
    assert (place.scratch / "changed").read_text() == "old\n"
    assert place.run("keep", *place.paths) == 0
    assert place.run("forget") == 0
    assert list(place.kept.parent.iterdir()) == []
