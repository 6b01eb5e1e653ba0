"""A join writes and removes its own drain mark, and leaves the mark of a provisioning alone. The real script."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.operations.drain import drain


def run(mark: Path, on: bool, any_mark: bool = True) -> None:
    [command] = drain._inner(mark=str(mark), on=on, any_mark=any_mark)
    subprocess.run(["sh", "-c", command.get_raw_value()], check=True, timeout=30)


def test_a_join_removes_its_mark(tmp_path: Path) -> None:
    mark = tmp_path / "drain"
    run(mark, on=False)
    for any_mark in (False, True):
        for _ in range(2):
            run(mark, on=True)
            assert mark.read_text() == "a join\n"
        assert list(tmp_path.iterdir()) == [mark]
        for _ in range(2):
            run(mark, on=False, any_mark=any_mark)
            assert not mark.exists()


def test_the_mark_of_a_provisioning_ends_only_with_the_join(tmp_path: Path) -> None:
    mark = tmp_path / "drain"
    for text in ("haproxy\nnginx\n", "-\n", ""):
        mark.write_text(text)
        for on in (True, False):
            run(mark, on, any_mark=False)
            assert mark.read_text() == text
        run(mark, on=False)
        assert not mark.exists()
