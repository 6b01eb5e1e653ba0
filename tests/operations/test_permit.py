"""A release's files get their modes and ACL; files of another release keep theirs.

The script is real. A fake setfacl notes its arguments and prints the mask that it would set.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from orchestrator.operations.permit import permit

pytestmark = pytest.mark.exhaustive

ID = "20260101T120000Z-5d0f0c1"
LIVE = "20251231T120000Z-4c9e9b0"
OUTPUTS = ("vendor", "bootstrap/cache/packages.php")

SETFACL = r"""#!/bin/sh
# setfacl -m <entries> -- <paths of open files>
entries=$2; shift 3
readlink -- "$@" | sed "s/^/$entries /" >>"$ACL"
chmod g+r -- "$@"
"""


class Node:
    """A live release, and a new release that reuses its outputs."""

    def __init__(self, path: Path) -> None:
        self.root, self._path = path / "shop", path
        self.live, self.release = self.root / "releases" / LIVE, self.root / "releases" / ID
        for release in (self.live, self.release):
            (release / "bootstrap/cache").mkdir(parents=True)
            (release / ".release").mkdir()
            (release / "bootstrap/cache/config.php").write_text(f"<?php // {release.name}\n")
        (self.live / "vendor/bin").mkdir(parents=True)
        (self.live / "vendor/bin/tool").write_text("#!/bin/sh\n")
        (self.live / "vendor/bin/tool").chmod(0o555)
        (self.live / "vendor/ a file\nwith breaks").write_text("odd\n")
        (self.live / "vendor/ a file\nwith breaks").chmod(0o444)
        (self.live / "vendor/link").symlink_to("bin/tool")
        (self.live / "bootstrap/cache/packages.php").write_text("<?php\n")
        (self.live / "bootstrap/cache/packages.php").chmod(0o444)
        for output in OUTPUTS:
            subprocess.run(["cp", "-a", "-l", self.live / output, self.release / output], check=True)
        (path / "bin").mkdir()
        (path / "bin/setfacl").write_text(SETFACL)
        (path / "bin/setfacl").chmod(0o755)

    def permit(
        self, modes: Mapping[str, str] | None = None, private: Sequence[str] = (), writable: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        (command,) = permit._inner(
            root=str(self.root),
            release=ID,
            own="own",
            web_user="www-data",
            modes=modes,
            private=private,
            writable=writable,
            outputs=OUTPUTS,
        )
        variables = {"PATH": f"{self._path}/bin:{os.environ['PATH']}", "ACL": str(self._path / "acl")}
        return subprocess.run(
            ["sh", "-c", command.get_raw_value()], env={**os.environ, **variables}, capture_output=True, text=True
        )

    def acl(self) -> list[str]:
        """The arguments of setfacl, with paths relative to the release."""
        return (self._path / "acl").read_text().replace(f"{self.release}/", "").splitlines()

    def mode(self, path: str) -> str:
        return f"{stat.S_IMODE((self.release / path).stat().st_mode):o}"

    def outside(self) -> Iterator[tuple[Path, int, int, str]]:
        """Inode, mode and content of every file outside the release."""
        for path in sorted(self.root.rglob("*")):
            if path == self.release.parent or path.is_relative_to(self.release):
                continue
            about = path.lstat()
            text = path.read_text() if stat.S_ISREG(about.st_mode) else ""
            yield path, about.st_ino, about.st_mode, text


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def permitted(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr


def test_a_mode_of_a_reused_file_changes_this_release_only(node: Node) -> None:
    before, age = list(node.outside()), (node.live / "vendor/bin/tool").stat().st_mtime_ns
    for _ in range(2):
        permitted(node.permit({"vendor/bin/tool": "700", "bootstrap/cache/packages.php": "600"}))
        assert node.mode("vendor/bin/tool") == "700"
        assert node.mode("bootstrap/cache/packages.php") == "600"
    assert list(node.outside()) == before
    tool = node.release / "vendor/bin/tool"
    assert tool.read_text() == "#!/bin/sh\n"
    assert tool.stat().st_mtime_ns == age
    assert tool.stat().st_nlink == 1
    # files that are not named are still shared by both releases
    assert (node.release / "vendor/ a file\nwith breaks").stat().st_nlink == 2
    assert list((node.release / ".release").iterdir()) == []


def test_a_reused_private_file_is_private_in_this_release_only(node: Node) -> None:
    before = list(node.outside())
    private = ["bootstrap/cache/config.php", "bootstrap/cache/packages.php", "vendor"]
    permitted(node.permit(private=private))
    assert list(node.outside()) == before
    assert {f"u:www-data:rX {path}" for path in private} <= set(node.acl())
    for path in ("bootstrap/cache/config.php", "bootstrap/cache/packages.php", "vendor/ a file\nwith breaks"):
        assert int(node.mode(path), 8) & 0o007 == 0
        assert (node.release / path).stat().st_nlink == 1
    assert (node.release / "vendor/ a file\nwith breaks").read_text() == "odd\n"
    assert node.mode("vendor/bin/tool") == "540"
    assert (node.release / "vendor/link").is_symlink()


def test_a_half_copy_of_an_earlier_run_does_no_harm(node: Node) -> None:
    (node.release / ".release/alone").write_text("half")
    (node.release / ".release/alone").chmod(0o400)
    permitted(node.permit({"vendor/bin/tool": "500"}))
    assert (node.release / "vendor/bin/tool").read_text() == "#!/bin/sh\n"
    assert list((node.release / ".release").iterdir()) == []


@pytest.mark.parametrize("to", ["../{live}/bootstrap", "{root}/shared"])
@pytest.mark.parametrize("setting", ["modes", "private", "writable"])
def test_nothing_behind_a_link_out_of_the_release_is_changed(node: Node, setting: str, to: str) -> None:
    (node.root / "shared/cache").mkdir(parents=True)
    (node.root / "shared/cache/config.php").write_text("shared\n")
    (node.release / "odd").symlink_to(to.format(live=LIVE, root=node.root))
    before = list(node.outside())
    asked = {
        "modes": lambda: node.permit(modes={"odd/cache/config.php": "600"}),
        "private": lambda: node.permit(private=["odd/cache"]),
        "writable": lambda: node.permit(writable=["odd/new"]),
    }
    done = asked[setting]()
    assert list(node.outside()) == before
    assert done.returncode != 0
    assert f"permissions.{setting}: odd/" in done.stderr
    assert "is behind a link" in done.stderr


def test_a_link_within_the_release_means_its_target(node: Node) -> None:
    before = list(node.outside())
    permitted(node.permit({"vendor/link": "500"}, private=["vendor/link"]))
    assert node.mode("vendor/bin/tool") == "540"
    assert node.acl() == ["u:www-data:rX vendor/bin/tool"]
    assert list(node.outside()) == before


@pytest.mark.parametrize("absolute", [False, True])
def test_links_over_parent_directories_stay_in_the_release(node: Node, absolute: bool) -> None:
    (node.release / "a/b").mkdir(parents=True)
    (node.release / "a/file").write_text("")
    start = str(node.release) if absolute else "../.."
    (node.release / "a/b/link").symlink_to(f"{start}/a/./b/../file")
    permitted(node.permit({"a/b/link": "611"}))
    assert node.mode("a/file") == "611"


def test_no_link_is_followed_that_another_user_may_have_made(node: Node) -> None:
    (node.release / "cache").mkdir()
    (node.release / "cache/link").symlink_to("../vendor/bin/tool")
    # with an ACL, the group's rights are the mask
    (node.release / "cache").chmod(0o775)
    done = node.permit({"cache/link": "666"})
    assert done.returncode == 1
    assert done.stderr == (
        "permissions.modes: cache/link is behind a link in a directory to which other users may write: name the target "
        "of the link\n"
    )
    assert node.mode("vendor/bin/tool") == "555"


def test_a_reused_writable_file_is_writable_in_this_release_only(node: Node) -> None:
    before = list(node.outside())
    permitted(node.permit(writable=["bootstrap/new/deep", "bootstrap"]))
    assert list(node.outside()) == before
    assert (node.release / "bootstrap/new/deep").is_dir()
    assert (node.release / "bootstrap/cache/packages.php").stat().st_nlink == 1
    assert "u:www-data:rwX bootstrap/cache/packages.php" in node.acl()


def test_many_files_get_their_acl(node: Node) -> None:
    (node.release / "cache").mkdir()
    for number in range(450):
        (node.release / f"cache/{number}").write_text("")
    permitted(node.permit(writable=["cache"]))
    assert len({line for line in node.acl() if line.startswith("u:www-data:rwX cache/")}) == 450


@pytest.mark.parametrize("setting", ["modes", "private"])
def test_a_missing_path_is_named(node: Node, setting: str) -> None:
    done = node.permit({"gone": "600"}) if setting == "modes" else node.permit(private=["gone"])
    assert f"permissions.{setting}: release {ID} has no gone" in done.stderr
