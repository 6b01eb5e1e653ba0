"""Which inputs decide whether another release may reuse a build step's outputs. The real script."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from orchestrator.operations.build import SCRIPT, words
from orchestrator.scripts.files import read

A, B = "20260101T120000Z-aaaaaaa", "20260102T120000Z-bbbbbbb"


class Releases:
    """Two releases of one version; A is live, and has the step's outputs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for release in (A, B):
            (self[release] / "resources").mkdir(parents=True)
            (self[release] / "resources/app.js").write_text("one\n")
            (self[release] / "app").mkdir()
            (self[release] / "app/A.php").write_text("<?php\n")

    def __getitem__(self, release: str) -> Path:
        return self.root / "releases" / release

    def try_to_build(
        self,
        release: str,
        run: str = "mkdir -p out && cat resources/app.js >out/app.js",
        inputs: tuple[str, ...] = ("resources",),
        listed: tuple[str, ...] = ("app/*.php",),
        only: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        color, live = {A: ("blue", ""), B: ("green", A)}[release]
        about = words("assets", run, None, inputs, listed, ["out"])
        arguments = [str(self.root), release, color, live, *about, "only" if only else "", ""]
        return subprocess.run(
            ["sh", "-c", SCRIPT.strip(), "o", *arguments], capture_output=True, text=True, umask=0o027
        )

    def build(self, release: str, **options: object) -> str:
        done = self.try_to_build(release, **options)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def both(self, **options: object) -> str:
        """Build A, then B. Returns the output of B's build."""
        self.build(A, **options)
        return self.build(B, **options)


TAKEN = f"taken over from {A}"


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "shop")


def test_outputs_of_the_same_inputs_are_reused(releases: Releases) -> None:
    assert releases.both() == TAKEN
    assert (releases[A] / "out/app.js").samefile(releases[B] / "out/app.js")


def test_a_writable_output_of_the_live_release_is_copied(releases: Releases) -> None:
    run = "mkdir -p out && cat resources/app.js >out/app.js && date >'out/the state'"
    releases.build(A, run=run)
    state = releases[A] / "out/the state"
    state.chmod(0o664)
    assert releases.build(B, run=run) == TAKEN
    taken = releases[B] / "out/the state"
    assert not taken.samefile(state)
    assert (taken.read_text(), taken.stat().st_mode) == (state.read_text(), state.stat().st_mode)
    assert (releases[A] / "out/app.js").samefile(releases[B] / "out/app.js")
    assert [path.name for path in (releases[B] / ".release/build").iterdir()] == ["assets"]


def test_everybody_may_read_what_was_made(releases: Releases) -> None:
    releases.build(A)
    assert stat.S_IMODE((releases[A] / "out").stat().st_mode) == 0o755
    assert stat.S_IMODE((releases[A] / "out/app.js").stat().st_mode) == 0o444


def test_a_missing_input_is_named_and_nothing_is_reused(releases: Releases) -> None:
    inputs = ("resources", "resources/*.css")
    said = releases.both(inputs=inputs)
    assert said == "warning: no file matches the input resources/*.css, so the build step assets runs for each release"
    (releases[B] / "resources/app.js").write_text("two\n")
    done = releases.try_to_build(B, inputs=inputs, only=True)
    assert (done.returncode, done.stderr) == (
        1,
        "the build step assets must run, because no file matches the input resources/*.css: use deploys/release.py\n",
    )


def link_to_directory(release: Path) -> None:
    (release / "shared").mkdir()
    (release / "shared/lib.js").write_text("lib\n")
    (release / "resources/lib").symlink_to("../shared")


def link_to_nowhere(release: Path) -> None:
    (release / "resources/lib").symlink_to("nowhere")


@pytest.mark.parametrize("link", [link_to_directory, link_to_nowhere])
def test_links_among_the_inputs_hide_no_change(releases: Releases, link: object) -> None:
    assert callable(link)
    for release in (A, B):
        link(releases[release])
    assert releases.both() == TAKEN
    (releases[B] / "app/New.php").write_text("<?php\n")
    assert releases.build(B) == ""


def test_the_target_of_a_linked_input_counts(releases: Releases) -> None:
    for release in (A, B):
        link_to_directory(releases[release])
        (releases[release] / "version").write_text("1\n")
        (releases[release] / "resources/version").symlink_to("../version")
    assert releases.both() == TAKEN
    (releases[B] / "shared/lib.js").write_text("another\n")
    assert releases.build(B) == ""
    (releases[B] / "version").write_text("2\n")
    assert releases.build(B) == ""
    (releases[B] / "resources/version").unlink()
    (releases[B] / "resources/version").symlink_to("./../version")
    assert releases.build(B) == ""


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_input_that_cannot_be_read_fails_the_step(releases: Releases) -> None:
    (releases[A] / "resources/app.js").chmod(0)
    assert releases.try_to_build(A).returncode != 0


@pytest.mark.parametrize(
    "run",
    [
        'mkdir -p out && ln -sfn "$RELEASE_PATH/resources" out/bundle',
        'mkdir -p out && echo "{\\"release\\": \\"$RELEASE\\"}" >out/manifest.json',
        'mkdir -p out && echo "\\"$RELEASE_PATH\\"" >out/path.json',
    ],
)
def test_outputs_that_name_their_release_stay_its_own(releases: Releases, run: str) -> None:
    said = releases.both(run=run)
    assert said.startswith("no later release can reuse the outputs: out/"), said


def test_an_output_behind_a_link_out_of_the_release_is_refused(releases: Releases, tmp_path: Path) -> None:
    (tmp_path / "others/sub").mkdir(parents=True)
    (tmp_path / "others/sub/file").write_text("precious\n")
    for release in (A, B):
        (releases[release] / "public").symlink_to(tmp_path / "others")
    about = words("assets", "true", None, ("resources",), (), ["public/sub"])
    for release, live in ((A, ""), (B, A)):
        arguments = [str(releases.root), release, "blue", live, *about, "", ""]
        done = subprocess.run(["sh", "-c", SCRIPT.strip(), "o", *arguments], capture_output=True, text=True)
        assert done.returncode == 1
        assert "outputs of assets: public/sub is behind a link that leads out of the release" in done.stderr
    assert (tmp_path / "others/sub/file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "others/sub/file").read_text() == "precious\n"


def test_a_step_that_uses_color_runs_for_each_color(releases: Releases) -> None:
    run = "mkdir -p out && echo $COLOR >out/color"
    assert releases.both(run=run) == ""
    assert (releases[B] / "out/color").read_text() == "green\n"


def test_the_digest_is_that_of_earlier_versions(tmp_path: Path) -> None:
    # a release takes outputs over from a release that an earlier version of this tool has built
    for directory in ("app/deep", "vendor", "lib"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("composer.lock", "app/A.php", "app/deep/B C.php", "app/z", "vendor/x", "lib/l"):
        (tmp_path / name).write_text(f"{name}\n")
    for name, target in {"lib2": "lib", "one": "composer.lock", "gone": "nothing"}.items():
        (tmp_path / name).symlink_to(target)
    asked = [
        ("run $COLOR", "composer.lock\napp\nlib2\none\ngone", "app/*.php", "vendor"),
        ("run", "composer.lock", "", "vendor"),
        ("run", "nothing", "lib2\napp", "vendor\nlib"),
    ]
    command = ["sh", "-c", f'{read("scripts/digest.sh")}\ndigest "$@"', "digest"]
    variables = {**os.environ, "COLOR": "blue"}
    found = [subprocess.check_output([*command, *words], cwd=tmp_path, env=variables, text=True) for words in asked]
    assert [line.strip() for line in found] == [
        "161b18ba46ab7a11809d486e0dcf33bb0c7dbab6468377d52f8549b994dbe233",
        "a3d43ea745b924b7f98eeb6c71b39ed985df0894fbff77e5105ff61ad85c3264",
        "f80756b96000fe9994fcefd1268ca77304837bb94991d1d4ee117549097bd86e",
    ]
