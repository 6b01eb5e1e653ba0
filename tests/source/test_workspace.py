"""Build steps on the operator's machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.config.build import Build
from orchestrator.errors import CommandFailed
from orchestrator.operations.build import SCRIPT, words
from orchestrator.source.workspace import KEPT, build

RELEASE = "20260101T120000Z-5d0f0c1"
ASSETS = Build(
    name="assets",
    run="mkdir -p public/build && cat app.css > public/build/app.css && date +%N >> public/build/app.css",
    on="operator",
    inputs=["*.css"],
    outputs=["public/build"],
)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    made = tmp_path / "srv/releases/one"
    made.mkdir(parents=True)
    (made / "app.css").write_text("body {}\n")
    (made / "index.php").write_text("<?php\n")
    return made


def built(directory: Path, store: Path, *steps: Build, color: str = "blue") -> list[str]:
    return build(directory, steps or (ASSETS,), store, {"RELEASE": RELEASE, "COLOR": color})


def test_the_same_inputs_are_built_once(version: Path, tmp_path: Path) -> None:
    assert built(version, tmp_path / "store") == ["assets: ran"]
    first = (version / "public/build/app.css").read_text()
    (version / "index.php").write_text("<?php // another\n")
    assert built(version, tmp_path / "store") == ["assets: taken from the store"]
    assert (version / "public/build/app.css").read_text() == first
    (version / "app.css").write_text("body { color: red }\n")
    assert built(version, tmp_path / "store") == ["assets: ran"]
    assert (version / "public/build/app.css").read_text() != first


def test_a_node_takes_what_was_built_here_for_done(version: Path, tmp_path: Path) -> None:
    built(version, tmp_path / "store")
    about = words(ASSETS.name, ASSETS.run, ASSETS.when, ASSETS.inputs, ASSETS.listed, ASSETS.outputs)
    arguments = [str(tmp_path / "srv"), "one", "green", "", *about, "", ""]
    done = subprocess.run(["sh", "-c", SCRIPT.strip(), "o", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "is done\n")


def test_the_store_keeps_the_latest(version: Path, tmp_path: Path) -> None:
    for number in range(KEPT + 2):
        (version / "app.css").write_text(f"{number}\n")
        built(version, tmp_path / "store")
    assert len(list((tmp_path / "store/assets").iterdir())) == KEPT
    assert built(version, tmp_path / "store") == ["assets: taken from the store"]


@pytest.mark.exhaustive
def test_a_kept_entry_waits_for_other_runs(version: Path, tmp_path: Path) -> None:
    entries = tmp_path / "store/assets"
    entries.mkdir(parents=True)
    # another run holds the lock while it copies, and has a directory with a temporary name
    script = 'exec 9<"$1"; flock 9; mkdir "$1/.theirs.part"; echo locked; read end; mv "$1/.theirs.part" "$1/theirs"'
    command = ["bash", "-c", script, "other", str(entries)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "locked\n"
    late = ASSETS.model_copy(update={"deadline": 2.0})
    (said,) = built(version, tmp_path / "store", late)
    assert said == f"assets: ran; no later release can reuse the outputs: another process uses {entries}"
    other.communicate("\n")
    assert built(version, tmp_path / "store") == ["assets: ran"]
    assert "theirs" in {path.name for path in entries.iterdir()}


def test_a_killed_copy_into_the_store_is_removed(version: Path, tmp_path: Path) -> None:
    left = tmp_path / "store/assets/.0123.part"
    left.mkdir(parents=True)
    built(version, tmp_path / "store")
    assert not left.exists()
    assert built(version, tmp_path / "store") == ["assets: taken from the store"]


@pytest.mark.parametrize(
    ("changes", "line", "output"),
    [
        ({"run": "echo no node; exit 3"}, "ended with status 3", ("no node",)),
        ({"run": "echo nothing"}, "assets did not make its output public/build", ("nothing",)),
        ({"run": "echo soon; sleep 60", "deadline": 1.5}, "took longer than 1.5 s", ("soon",)),
    ],
)
def test_a_step_that_fails_says_what_it_printed(
    version: Path, tmp_path: Path, changes: dict[str, object], line: str, output: tuple[str, ...]
) -> None:
    step = ASSETS.model_copy(update=changes)
    with pytest.raises(CommandFailed, match=line) as failed:
        built(version, tmp_path / "store", step)
    assert failed.value.output == output
    assert not (version / ".release/build/assets").exists()


def test_a_step_whose_condition_does_not_hold_is_left_out(version: Path, tmp_path: Path) -> None:
    step = ASSETS.model_copy(update={"when": "test -f package.json"})
    assert built(version, tmp_path / "store", step) == [
        "assets: skipped: `test -f package.json` did not end with status 0"
    ]


def test_a_step_that_uses_color_runs_for_each_color(version: Path, tmp_path: Path) -> None:
    step = ASSETS.model_copy(update={"run": "mkdir -p public/build && echo $COLOR > public/build/color"})
    for color in ("blue", "green"):
        assert built(version, tmp_path / "store", step, color=color) == ["assets: ran"]
        assert (version / "public/build/color").read_text() == f"{color}\n"


@pytest.mark.parametrize("what", ["$RELEASE", "$PWD"])
def test_outputs_that_name_their_release_are_not_kept(version: Path, tmp_path: Path, what: str) -> None:
    step = ASSETS.model_copy(update={"run": f"mkdir -p public/build && echo {what} > public/build/release"})
    for _ in range(2):
        (said,) = built(version, tmp_path / "store", step)
        assert said == (
            "assets: ran; no later release can reuse the outputs: public/build/release contains the id or a path of "
            "this release"
        )


def test_an_input_that_is_not_there_is_named_and_nothing_is_kept(version: Path, tmp_path: Path) -> None:
    step = ASSETS.model_copy(update={"inputs": ["*.css", "*.scss"]})
    for _ in range(2):
        (said,) = built(version, tmp_path / "store", step)
        assert said == "assets: ran, and will run for each release, because no file matches the input *.scss"
