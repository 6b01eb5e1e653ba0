"""A release gets the files that configure its color. The script is real; a fake sudo runs the check."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.operations.configure import configure
from orchestrator.stack.files import packed

ID = "20260101T120000Z-5d0f0c1"
LIVE = "20251231T120000Z-4c9e9b0"
LATER = "20260102T120000Z-6e1a1d2"
FILES = {"nginx-blue.conf": "blue;\n", "nginx-green.conf": "green;\n"}
CHECK = '#!/bin/sh\necho "$*" >>"$CHECKED"\n! grep -rq broken "$STACK" || { echo "unknown directive" >&2; exit 1; }\n'


class Node:
    """A live release and two new releases, all without files."""

    def __init__(self, path: Path) -> None:
        self.root, self._path = path / "shop", path
        for release in (LIVE, ID, LATER):
            (self.root / "releases" / release / ".release").mkdir(parents=True)
        self.stack = self.root / "releases" / ID / ".release/stack"
        (path / "bin").mkdir()
        for name, text in {"sudo": '#!/bin/sh\nshift 3\nexec "$@"\n', "check": CHECK}.items():
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)

    def configure(
        self, files: Mapping[str, str] = FILES, public: str = "public", **more: Any
    ) -> subprocess.CompletedProcess[str]:
        return self.given(packed(files, public), **more)

    def given(self, archive: str, release: str = ID, **more: Any) -> subprocess.CompletedProcess[str]:
        about: dict[str, Any] = {
            "root": str(self.root),
            "release": release,
            "check": str(self._path / "bin/check"),
            "web_user": "web",
            **more,
        }
        (command,) = configure._inner(**about)
        variables = {
            "PATH": f"{self._path}/bin:{os.environ['PATH']}",
            "CHECKED": str(self._path / "checked"),
            "STACK": str(self.stack),
        }
        return subprocess.run(
            ["sh", "-c", command.get_raw_value()],
            input=archive,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )

    def point(self, color: str, release: str = LIVE) -> None:
        """Point a color to a release."""
        (self.root / color).mkdir(exist_ok=True)
        link = self.root / color / "release"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../releases/{release}")

    def replace_check(self) -> None:
        """Replace the program that checks the files, as an update of the server does."""
        new = self._path / "bin/new"
        new.write_text(CHECK)
        new.chmod(0o755)
        new.replace(self._path / "bin/check")

    def checked(self) -> list[str]:
        return (self._path / "checked").read_text().splitlines() if (self._path / "checked").exists() else []

    def found(self) -> dict[str, str]:
        """The files of the new release, and where its link leads."""
        return {
            path.name: os.readlink(path) if path.is_symlink() else path.read_text() for path in self.stack.iterdir()
        }

    def left(self) -> list[str]:
        return sorted(path.name for path in self.stack.parent.iterdir())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def done(said: subprocess.CompletedProcess[str]) -> None:
    assert said.returncode == 0, said.stderr


def test_a_release_gets_the_files_and_the_link(node: Node) -> None:
    done(node.configure())
    assert node.found() == {**FILES, "public": "../../public"}
    assert {oct((node.stack / name).stat().st_mode & 0o777) for name in FILES} == {"0o644"}
    assert node.left() == ["checked", "stack"]
    assert node.checked() == [ID]


def test_files_that_are_the_same_are_left_alone(node: Node) -> None:
    done(node.configure())
    before = [(node.stack / name).stat().st_ino for name in FILES]
    done(node.configure())
    assert [(node.stack / name).stat().st_ino for name in FILES] == before
    assert node.left() == ["checked", "stack"]
    assert node.checked() == [ID]


@pytest.mark.parametrize("color", ["blue", "green"])
def test_files_of_a_color_are_not_checked_again(node: Node, color: str) -> None:
    node.point(color)
    done(node.configure(release=LIVE))
    done(node.configure())
    assert node.checked() == [LIVE]
    # the new release counts as checked, too
    node.point(color, ID)
    done(node.configure(release=LATER))
    assert node.checked() == [LIVE]


def test_other_files_are_checked(node: Node) -> None:
    node.point("blue")
    done(node.configure(release=LIVE))
    done(node.configure({**FILES, "nginx-blue.conf": "other;\n"}))
    assert node.checked() == [LIVE, ID]
    done(node.configure({**FILES, "nginx-blue.conf": "third;\n"}))
    assert node.checked() == [LIVE, ID, ID]


def test_files_are_checked_by_a_new_program(node: Node) -> None:
    node.point("blue")
    done(node.configure(release=LIVE))
    node.replace_check()
    done(node.configure())
    assert node.checked() == [LIVE, ID]
    done(node.configure(web_user="other"))
    assert node.checked() == [LIVE, ID, ID]


def test_files_that_include_a_file_of_the_release_are_checked(node: Node) -> None:
    node.point("blue")
    for release in (LIVE, ID, ID):
        (node.root / "releases" / release / "own.conf").write_text("include other.conf;\n")
        done(node.configure(release=release, include="own.conf"))
    assert node.checked() == [LIVE, ID, ID]


def test_refused_files_do_not_count_as_checked(node: Node) -> None:
    node.point("green", ID)
    for _ in range(2):
        assert node.configure({**FILES, "nginx-green.conf": "broken;\n"}).returncode == 1
    assert node.left() == ["stack"]
    assert node.checked() == [ID, ID]
    # a note about former files says nothing about other files
    done(node.configure())
    assert node.configure({**FILES, "nginx-green.conf": "broken;\n"}).returncode == 1


@pytest.mark.parametrize(
    ("files", "public"),
    [({**FILES, "nginx-blue.conf": "other;\n"}, "public"), (FILES | {"more": ""}, "public"), (FILES, "web")],
)
def test_files_that_differ_are_all_replaced(node: Node, files: dict[str, str], public: str) -> None:
    done(node.configure({**FILES, "former": ""}))
    done(node.configure(files, public))
    assert node.found() == {**files, "public": f"../../{public}"}


def test_half_of_an_earlier_run_does_no_harm(node: Node) -> None:
    (node.stack.parent / "stack.new").mkdir()
    (node.stack.parent / "stack.new/half").write_text("half")
    done(node.configure())
    assert set(node.found()) == {*FILES, "public"}


@pytest.mark.parametrize(
    ("files", "public"), [({**FILES, "nginx-green.conf": "other;\n"}, "public"), (FILES, "web"), (None, "public")]
)
def test_files_that_the_live_release_does_not_have_are_refused(
    node: Node, files: dict[str, str] | None, public: str
) -> None:
    if files is not None:
        done(node.configure(files, public, release=LIVE))
    said = node.configure(live=LIVE)
    assert said.returncode == 1
    wanted = f"the configuration of nginx, PHP-FPM or a service differs from the configuration of {LIVE}"
    assert said.stderr == f"{wanted}: use deploys/release.py\n"
    assert node.left() == []
    done(node.configure(release=LIVE))
    done(node.configure(live=LIVE))
    assert set(node.found()) == {*FILES, "public"}


def test_nginx_s_refusal_fails_and_is_passed_on(node: Node) -> None:
    said = node.configure({**FILES, "nginx-green.conf": "broken;\n"})
    assert said.returncode == 1
    assert said.stderr == f"the configuration of release {ID} is refused: unknown directive\n"


@pytest.mark.parametrize("archive", ["", packed({"other": ""}, "public"), "not base64"])
def test_files_that_did_not_arrive_fail(node: Node, archive: str) -> None:
    done(node.configure())
    assert node.given(archive).returncode != 0
    # the former files stay
    assert node.found() == {**FILES, "public": "../../public"}
    assert node.left() == ["checked", "stack"]
    assert node.checked() == [ID]


def test_directives_of_the_release_are_copied(node: Node) -> None:
    own = node.root / "releases" / ID / "deploy"
    own.mkdir()
    (own / "nginx.conf").write_text("gzip_static on;\n")
    (own / "nginx.conf").chmod(0o640)
    done(node.configure(include="deploy/nginx.conf"))
    # the group of the copy is another one than the web user's
    assert (node.stack / "own.conf").stat().st_mode & 0o777 == 0o644
    assert node.found() == {**FILES, "public": "../../public", "own.conf": "gzip_static on;\n"}
    # a release without the setting has no such file
    done(node.configure())
    assert "own.conf" not in node.found()


def test_directives_that_the_release_does_not_have_fail(node: Node) -> None:
    said = node.configure(include="nginx.conf")
    assert said.returncode == 1
    assert said.stderr == "web.include: the release has no file nginx.conf\n"
    (node.root / "releases" / ID / "deploy").symlink_to(node.root.parent / "bin")
    said = node.configure(include="deploy/check")
    assert said.returncode == 1
    assert "web.include: deploy/check is behind a link that leads out of the release" in said.stderr
    assert node.left() == []
