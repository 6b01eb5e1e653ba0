"""The files of a commit, exported on the operator's machine. Real git and git-lfs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fleet_tools
import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.source import bundle
from tests.fakes.git import git, serving_git
from tests.fakes.lfs import LfsServer, store
from tests.fakes.site import serving


def commit(place: Path, **files: str) -> str:
    if not place.exists():
        place.mkdir(parents=True)
        git(place, "init", "-q", "--initial-branch", "main")
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
        git(place, "add", name)
    git(place, "commit", "-q", "-m", "version")
    return git(place, "rev-parse", "HEAD").strip()


def linked(place: Path, path: str, url: str, revision: str) -> None:
    git(place, "update-index", "--add", "--cacheinfo", f"160000,{revision},{path}")
    file = place / ".gitmodules"
    before = file.read_text() if file.exists() else ""
    commit(place, **{file.name: f'{before}[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'})


def exported(checkout: Path, submodules: bool = False, lfs: bool = False) -> tuple[dict[str, str], tuple[str, ...]]:
    """The exported files and the warnings."""
    made = bundle.export(str(checkout), "HEAD", submodules, lfs)
    files = {str(path.relative_to(made.path)): path.read_text() for path in made.path.rglob("*") if path.is_file()}
    made.remove()
    return files, made.warnings


def test_an_export_has_exactly_the_files_of_the_commit(tmp_path: Path) -> None:
    names = (".archive.tar", "archive.tar", "app/file")
    commit(tmp_path / "shop", **{name: f"the version's {name}\n" for name in (*names, ".release/tree")})
    assert exported(tmp_path / "shop") == ({name: f"the version's {name}\n" for name in names}, ())
    assert exported(tmp_path / "shop/app") == ({"file": "the version's app/file\n"}, ())


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A repository with a submodule at a relative URL, in which there is another submodule."""
    served = tmp_path / "served"
    served.mkdir()
    with serving_git(served) as url:
        commit(served / "outer", outer="of outer")
        linked(served / "outer", "in", "../inner", commit(served / "inner", inner="of inner"))
        commit(served / "shop", file="of shop")
        (served / "shop/app").mkdir()
        linked(served / "shop", "app/lib", "../outer", git(served / "outer", "rev-parse", "HEAD").strip())
        git(served / "shop", "config", "remote.origin.url", f"{url}/shop")
        yield served / "shop"


NAMES = {".gitmodules", "file", "app/lib/.gitmodules", "app/lib/outer", "app/lib/in/inner"}
LACKS = (
    "the version has submodules (app/lib), whose directories stay empty, because the setting source.submodules is off",
)


@pytest.mark.exhaustive
@pytest.mark.parametrize("present", [False, True])
def test_submodules_are_fetched_or_taken_from_the_repository(shop: Path, present: bool) -> None:
    if present:
        git(shop, "submodule", "update", "-q", "--init", "--recursive")
        for name in ("outer", "inner"):
            (shop.parent / name).rename(shop.parent / f"gone-{name}")
    files, warnings = exported(shop, submodules=True)
    assert (set(files), warnings) == (NAMES, ())
    assert files["app/lib/in/inner"] == "of inner"
    assert exported(shop / "app", submodules=True)[0] == {
        name.removeprefix("app/"): text for name, text in files.items() if name.startswith("app/")
    }
    files, warnings = exported(shop)
    assert (set(files), warnings) == ({".gitmodules", "file"}, LACKS)


@pytest.mark.exhaustive
def test_a_hostile_submodule_is_refused(shop: Path) -> None:
    linked(shop, "bad", "ext::touch", "a" * 40)
    with pytest.raises(OrchestratorError, match=r"^the export of .* status 1: submodule bad: its URL is not permitted"):
        exported(shop, submodules=True)


@pytest.mark.exhaustive
def test_files_in_git_lfs_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # installs git-lfs, or fails with a line that says how to
    fleet_tools.ensure_package("git-lfs", "git-lfs")
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)
    with serving(tmp_path / "files", LfsServer) as server:
        pointer = store(tmp_path / "files", b"the film")
        config = {".gitattributes": "*.film filter=lfs", ".lfsconfig": f"[lfs]\n\turl = http://{server}\n"}
        commit(tmp_path / "shop", **config, **{"a.film": pointer})
        git(tmp_path / "shop", "config", "remote.origin.url", "git@git.test:shop.git")
        assert exported(tmp_path / "shop") == (
            {**config, "a.film": pointer},
            (
                "the version has files in Git LFS (a.film), of which the release has only the pointers, because the "
                "setting source.lfs is off",
            ),
        )
        assert exported(tmp_path / "shop", lfs=True) == ({**config, "a.film": "the film"}, ())
