"""A tarball becomes a complete release, or is refused. The real script, real tar and curl, and a real server."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.operations.extract import extract
from tests.fakes.site import serving

ID = "20260101T120000Z-5d0f0c1"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL at which the directory `served` is served."""
    with serving(tmp_path / "served") as place:
        yield f"http://{place}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop/releases").mkdir(parents=True)
    return tmp_path / "shop"


def run(
    root: Path, archive: Path, url: str | None = None, strip: int = 0, sha256: str = ""
) -> subprocess.CompletedProcess[str]:
    """Extract an archive that was pushed, or that a URL names."""
    part = root / f"releases/.{ID}.part"
    if url is None:
        part.mkdir()
        shutil.copy(archive, part / "archive")
    sha256 = sha256 or hashlib.sha256(archive.read_bytes()).hexdigest()
    (command,) = extract._inner(root=str(root), release=ID, sha256=sha256, strip=strip, pushed=url is None)
    return subprocess.run(
        ["sh", "-c", command.get_raw_value()], input=f'url = "{url}"\n', capture_output=True, text=True
    )


def refused(done: subprocess.CompletedProcess[str], root: Path, line: str) -> None:
    assert done.returncode != 0
    assert line in done.stderr.strip().splitlines()[-1]
    assert list((root / "releases").iterdir()) == [], "nothing half is left"


def packed(path: Path, flag: str = "-z") -> Path:
    source = path / "source/shop-1.2"
    (source / "public").mkdir(parents=True)
    (source / "public/index.php").write_text("<?php\n")
    (source / "console").write_text("#!/bin/sh\n")
    (source / "console").chmod(0o755)
    (source / "link").symlink_to("public/index.php")
    subprocess.run(["tar", flag, "-cf", path / "archive.tar", "-C", path / "source", "shop-1.2"], check=True)
    return path / "archive.tar"


def test_read_only_directories_become_writable(root: Path, tmp_path: Path) -> None:
    packed(tmp_path)
    source = tmp_path / "source/shop-1.2"
    for path in (source / "public", source):
        path.chmod(0o555)
    subprocess.run(["tar", "-czf", tmp_path / "archive.tar", "-C", tmp_path / "source", "shop-1.2"], check=True)
    done = run(root, tmp_path / "archive.tar", strip=1)
    assert done.returncode == 0, done.stderr
    release = root / "releases" / ID
    assert {oct(path.stat().st_mode & 0o777) for path in (release, release / "public")} == {"0o755"}


@pytest.mark.parametrize("flag", ["--no-auto-compress", "-z", "-J", "--zstd"])
def test_the_archive_s_files_are_in_the_release(root: Path, tmp_path: Path, flag: str) -> None:
    program = {"-J": "xz", "--zstd": "zstd"}.get(flag)
    if program and not shutil.which(program):
        pytest.skip(f"{program} is not installed here")
    done = run(root, packed(tmp_path, flag), strip=1)
    assert done.returncode == 0, done.stderr
    release = root / "releases" / ID
    assert [path.name for path in (root / "releases").iterdir()] == [ID]
    assert (release / "public/index.php").read_text() == "<?php\n"
    assert os.access(release / "console", os.X_OK)
    assert os.readlink(release / "link") == "public/index.php"
    assert len((release / ".release/tree").read_text().strip()) == 64
    assert sorted(path.name for path in release.iterdir()) == [".release", "console", "link", "public"]


def test_no_process_list_shows_the_archive_s_url(root: Path, tmp_path: Path, served: str) -> None:
    archive = packed(tmp_path)
    shutil.copy(archive, tmp_path / 'served/shop "1" \\2.tar')
    url = served.replace("//", "//user:hush@") + "/shop%20%221%22%20%5C2.tar?signature=hush"
    done = run(root, archive, url, strip=1)
    assert done.returncode == 0, done.stderr
    assert (root / "releases" / ID / "console").exists()


def test_other_bytes_are_refused(root: Path, tmp_path: Path, served: str) -> None:
    archive = packed(tmp_path)
    (tmp_path / "served/shop.tar").write_bytes(archive.read_bytes() + b"\0")
    came = hashlib.sha256(archive.read_bytes() + b"\0").hexdigest()
    refused(run(root, archive, f"{served}/shop.tar"), root, f"the archive has the SHA-256 {came}, but ")


def test_the_error_of_a_url_without_an_answer_is_shown(root: Path, tmp_path: Path, served: str) -> None:
    refused(run(root, packed(tmp_path), f"{served}/none?signature=hush"), root, "error: 404")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, 5 if kind == tarfile.REGTYPE else 0
        info.mode = 0o6755
        tar.addfile(info, io.BytesIO(b"evil\n"))

    return add


HOSTILE = {
    "absolute": ([member("{outside}/evil")], 0, "has a member outside of its directory: {outside}/evil"),
    "absolute, stripped": ([member("/a/b/evil")], 1, "has a member outside of its directory: /a/b/evil"),
    "above": ([member("shop/../../evil")], 0, "has a member outside of its directory: shop/../../evil"),
    "above, with a line end": ([member("a\n/../../evil")], 0, "outside of its directory: a\\n/../../evil"),
    "through a link": (
        [member("out", tarfile.SYMTYPE, "{outside}"), member("out/evil")],
        0,
        "cannot be unpacked: ",
    ),
    "through a relative link": (
        [member("out", tarfile.SYMTYPE, "../../../../outside"), member("out/evil")],
        0,
        "cannot be unpacked: ",
    ),
    "hard link": ([member("mine", tarfile.LNKTYPE, "{outside}/theirs")], 0, "the archive "),
    "hard link above": ([member("mine", tarfile.LNKTYPE, "../../../../outside/theirs")], 0, "the archive "),
    "device": ([member("null", tarfile.CHRTYPE)], 0, "the archive "),
    "pipe": ([member("pipe", tarfile.FIFOTYPE)], 0, "has a device, pipe or socket: pipe"),
    "ours": ([member(".release/tree")], 0, "has a .release at its top"),
    "git's": ([member("shop/.git/config")], 1, "has a .git at its top"),
    "nothing": ([member("shop")], 1, "has no files below source.strip = 1"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_member_that_would_leave_the_directory_is_refused(root: Path, tmp_path: Path, what: str) -> None:
    members, strip, line = HOSTILE[what]
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs").write_text("theirs\n")
    archive = tmp_path / "hostile.tar"
    with tarfile.open(archive, "w") as tar:
        for add in members:
            add(tar)
    done = run(root, _with(archive, str(outside)), strip=strip)
    refused(done, root, line.replace("{outside}", str(outside)))
    assert [path.name for path in outside.iterdir()] == ["theirs"]
    assert (outside / "theirs").stat().st_nlink == 1


def _with(archive: Path, outside: str) -> Path:
    """The archive with the placeholders for directories of this test replaced."""
    made = archive.with_suffix(".made")
    with tarfile.open(archive) as old, tarfile.open(made, "w") as new:
        for info in old:
            data = old.extractfile(info) if info.isfile() else None
            info.name = info.name.replace("{outside}", outside)
            info.linkname = info.linkname.replace("{outside}", outside)
            new.addfile(info, data)
    return made


def test_an_archive_gives_no_rights(root: Path, tmp_path: Path) -> None:
    archive = tmp_path / "rights.tar"
    with tarfile.open(archive, "w") as tar:
        member("tool")(tar)
    assert run(root, archive).returncode == 0
    found = (root / "releases" / ID / "tool").stat()
    assert found.st_mode & 0o7022 == 0
    assert found.st_uid == os.getuid()


def test_a_broken_archive_is_refused(root: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path)
    archive.write_bytes(archive.read_bytes()[:80])
    assert run(root, archive).returncode != 0
    assert list((root / "releases").iterdir()) == []
