"""Every shell script of the repository is checked, and a fault in any of them fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.provision.render import TEMPLATES
from orchestrator.scripts.files import read
from tests.shell.check import ROOT, check, files
from tests.shell.rendered import scripts

FAULT = "#!/bin/sh\nrm -rf $1/cache\n"


def templates() -> set[str]:
    """Names of the templates that are whole shell scripts, as provisioning installs them."""
    return {path.stem for path in TEMPLATES.iterdir() if path.read_text().startswith("#!/bin/sh")}


def test_every_template_of_a_script_is_rendered() -> None:
    assert templates() - {name.split(" ")[0] for name in scripts()} == set()
    assert len(templates()) >= 16


def test_no_rendered_script_keeps_a_placeholder() -> None:
    assert [name for name, text in scripts().items() if "{{" in text or "{%" in text] == []


def test_every_script_in_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / ".venv").mkdir()
    for name in ("tools/named.sh", "tools/no-suffix", ".venv/activate.sh"):
        (tmp_path / name).write_text(FAULT)
    (tmp_path / "tools/collect").write_text("#!/usr/bin/env python3\n")
    assert files(tmp_path) == [tmp_path / "tools/named.sh", tmp_path / "tools/no-suffix"]


def test_all_scripts_of_the_repository_are_among_them() -> None:
    found = {str(path.relative_to(ROOT)) for path in files()}
    assert found >= {".ci/run", "docker/venv.sh", "docker/node/entrypoint", "orchestrator/provision/templates/guard"}
    assert found >= {str(path.relative_to(ROOT)) for path in (ROOT / "orchestrator").rglob("*.sh")}


@pytest.mark.parametrize("planted", ["file", "text"])
def test_a_planted_fault_fails(tmp_path: Path, planted: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "planted.sh").write_text(FAULT)
    status = check([tmp_path / "planted.sh"], {}) if planted == "file" else check([], {"planted.sh": FAULT})
    assert status != 0
    assert "SC2086" in capfd.readouterr().out
    assert check([], {"planted.sh": FAULT.replace("$1", '"$1"')}) == 0


def test_perl_takes_every_program(tmp_path: Path) -> None:
    programs = sorted((ROOT / "orchestrator").rglob("*.pl"))
    assert {"arm.pl", "nginx_hold.pl"} <= {path.name for path in programs}
    for path in programs:
        # with the texts of the files that the program includes
        (tmp_path / path.name).write_text(read(str(path.relative_to(ROOT / "orchestrator"))))
    (tmp_path / "broken.pl").write_text("use strict;\nprint $unknown;\n")
    assert [path.name for path in sorted(tmp_path.iterdir()) if not takes(path)] == ["broken.pl"]


def takes(path: Path) -> bool:
    """Whether Perl compiles a program."""
    return subprocess.run(["perl", "-c", path], capture_output=True).returncode == 0
