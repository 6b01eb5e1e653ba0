"""A release gets its own environment, and no other file is written. The real script."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from orchestrator.operations.environment import environment

ID = "20260101T120000Z-5d0f0c1"
TEXT = "APP_KEY=new\n"


def write(root: Path, path: str) -> subprocess.CompletedProcess[str]:
    (command,) = environment._inner(root=str(root), release=ID, path=path)
    return subprocess.run(["sh", "-c", command.get_raw_value()], input=TEXT, capture_output=True, text=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An application whose shared directory has a file that does not belong to the new release."""
    made = tmp_path / "shop"
    (made / "releases" / ID).mkdir(parents=True)
    (made / "shared/storage").mkdir(parents=True)
    (made / "shared/storage/.env").write_text("APP_KEY=live\n")
    return made


def own(root: Path, path: str) -> None:
    file = root / "releases" / ID / path
    assert not file.is_symlink()
    assert file.read_text() == TEXT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("path", [".env", "config/deep/.env"])
def test_a_release_gets_its_own_environment(root: Path, path: str) -> None:
    for _ in range(2):
        assert write(root, path).returncode == 0
        own(root, path)


@pytest.mark.parametrize("path", ["storage/.env", "storage/config/.env"])
@pytest.mark.parametrize("to", ["{root}/shared/storage", "../../shared/storage"])
def test_nothing_is_written_behind_a_link_out_of_the_release(root: Path, path: str, to: str) -> None:
    (root / "releases" / ID / "storage").symlink_to(to.format(root=root))
    done = write(root, path)
    assert (root / "shared/storage/.env").read_text() == "APP_KEY=live\n"
    assert [file.name for file in (root / "shared/storage").iterdir()] == [".env"]
    assert done.returncode != 0
    assert f"environment.path: {path} is behind a link" in done.stderr


def test_a_link_within_the_release_is_followed(root: Path) -> None:
    (root / "releases" / ID / "real").mkdir()
    (root / "releases" / ID / "config").symlink_to("real")
    assert write(root, "config/.env").returncode == 0
    own(root, "real/.env")


def test_a_link_in_its_place_is_replaced_but_not_its_target(root: Path) -> None:
    (root / "releases" / ID / ".env").symlink_to(root / "shared/storage/.env")
    assert write(root, ".env").returncode == 0
    own(root, ".env")
    assert (root / "shared/storage/.env").read_text() == "APP_KEY=live\n"
