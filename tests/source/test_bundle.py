"""The files of a commit, exported on the operator's machine. Real git."""

from __future__ import annotations

from pathlib import Path

from orchestrator.source import bundle
from tests.fakes.git import git


def test_an_export_has_exactly_the_files_of_the_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    names = (".archive.tar", "archive.tar", "app/file")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"the version's {name}\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "version")
    made = bundle.export(str(tmp_path), "HEAD")
    files = {str(path.relative_to(made.path)): path.read_text() for path in made.path.rglob("*") if path.is_file()}
    made.remove()
    assert files == {name: f"the version's {name}\n" for name in names}
