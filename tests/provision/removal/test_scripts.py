"""The scripts of a removal, run in a directory that stands for the root of a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.model import Color
from orchestrator.provision import render
from orchestrator.scripts.files import read


def run(name: str, host: Path, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the folder with all its paths below a directory."""
    text = read(f"provision/removal/{name}.sh").replace("/etc/", f"{host}/etc/")
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment}
    return subprocess.run(["sh", "-c", text, name, *words], input=stdin, capture_output=True, text=True, env=env)


def units(app: str) -> dict[str, str]:
    settings = load(
        {
            "app": app,
            "source": {"origin": "x"},
            "marker": {"answers": "all"},
            # a service, a worker and a schedule may have the name of another application
            "services": [
                {"name": "ws", "command": "bin/ws", "path": "/ws"},
                {"name": "shop", "command": "bin/shop", "path": "/shop"},
            ],
            "workers": [{"name": "admin", "command": "bin/admin"}],
            "schedule": [{"name": "of-shop", "command": "bin/x"}],
            "switches": [{"kind": "node", "urls": ["http://b"]}],
        }
    )
    found = dict(render.trim_units(settings))
    found[f"{app}-bar.service"] = render.bar_service(settings)
    found[f"{app}-firewall.service"] = render.firewall_service(settings)
    found |= render.worker_units(settings) | render.schedule_units(settings)
    for color in Color:
        found[settings.node.target(color)] = render.color_target(settings, color)
        found[settings.node.service(color)] = render.fpm_service(settings, color)
        found |= render.shrink_units(settings, color)
        found |= {path: text for path, text in render.service_units(settings, color).items() if path.endswith("ice")}
    return {path.rpartition("/")[2]: text for path, text in found.items()}


def test_only_units_of_the_application_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    for app in ("shop", "shop-admin", "shop-blue", "blue"):
        for name, text in units(app).items():
            (folder / name).write_text(text)
    (folder / "shop-backup.service").write_text("[Unit]\nDescription=The backup of shop\n")
    # a color's unit of a later version, and a file of a provisioning that was killed
    (folder / "shop-blue-web.service").write_text("# Written by provisioning.\n[Unit]\nDescription=shop blue: nginx\n")
    (folder / "shop-green.target.candidate").write_text(units("shop")["shop-green.target"])
    for app in ("shop", "shop-admin", "shop-blue", "blue"):
        more = {"shop-blue-web.service", "shop-green.target.candidate"} if app == "shop" else set()
        text = read("provision/removal/units.sh").replace("/etc/", f"{tmp_path}/etc/") + f"\nunits_of {app}"
        found = subprocess.run(["sh", "-c", text], capture_output=True, text=True).stdout
        assert set(found.split()) == set(units(app)) | more, app


def test_files_go_and_what_others_made_stays(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "srv/shop", tmp_path / "elsewhere"
    for path in (root / "releases/1", root / "shared", elsewhere, tmp_path / "etc/orchestrator/shop"):
        path.mkdir(parents=True)
        (path / "file").write_text("")
    (root / "live").symlink_to(elsewhere)
    (root / "blue").symlink_to(elsewhere)
    (root / "notes.txt").write_text("")
    etc = tmp_path / "etc/orchestrator"
    # the log of blue has the name of another application
    (etc / "shop-blue").mkdir()
    log = tmp_path / "log/shop-blue"
    log.mkdir(parents=True)
    words = ["shop", str(root), "releases live blue green ..", str(etc), str(log), str(etc / "shop")]
    assert run("files_away", tmp_path, *words).returncode == 0
    assert log.exists()
    (etc / "shop-blue").rmdir()
    for _ in range(2):
        done = run("files_away", tmp_path, *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in root.iterdir()) == ["notes.txt", "shared"]
    assert (elsewhere / "file").exists()
    assert not etc.exists()
    assert not log.exists()
    (root / "notes.txt").unlink()
    run("files_away", tmp_path, "shop", str(root), "shared", "")
    assert not root.exists()


def test_a_link_in_place_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/releases").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "elsewhere")
    done = run("files_away", tmp_path, "shop", f"{tmp_path}/root", "releases", "")
    assert done.returncode == 1
    assert "is reached by a link" in done.stderr
    assert (tmp_path / "elsewhere/releases").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [("a\nb\nc\n", "b\n"), ("a\n\nc\n", None), ("b\n", "b\n"), (None, None), ("xa\na x\n", "xa\na x\n")],
)
def test_only_the_given_keys_are_removed(tmp_path: Path, before: str | None, after: str | None) -> None:
    file = tmp_path / ".ssh/authorized_keys"
    file.parent.mkdir()
    if before is not None:
        file.write_text(before)
    done = run("keys_away", tmp_path, stdin="a\nc\n", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert (file.read_text() if file.exists() else None) == after
    assert [path.name for path in file.parent.iterdir()] == (["authorized_keys"] if after else [])
