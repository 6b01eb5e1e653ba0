"""A secret that a failing build step and a failing hook print in all encodings is nowhere."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from orchestrator import deploy, verbs
from orchestrator.config import load
from orchestrator.options import Options
from tests.encodings import ENCODINGS, SECRET, shown
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def leaks(tmp_path: Path) -> str:
    """A command that prints the secret in every encoding, on both streams, and fails. The command has no secret."""
    file = tmp_path / "encoded"
    file.write_text("".join(f"{encode(SECRET)}\n" for encode in ENCODINGS.values()))
    return f"cat {file}; cat {file} >&2; tail -n 1 {file} >&2; false"


@pytest.mark.parametrize(
    "where", ["build", "hook on the operator's machine", pytest.param("hook on the nodes", marks=pytest.mark.slow)]
)
def test_no_encoding_of_a_secret_is_shown_anywhere(
    released: World, leaks: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str
) -> None:
    hook = {"before": "cutover", "on": "nodes" if where == "hook on the nodes" else "operator", "run": leaks}
    fails: dict[str, Any] = {"build": [{"name": "leak", "run": leaks}]} if where == "build" else {"hooks": [hook]}
    settings = load(released.settings | fails | {"environment": {"values": {"APP_KEY": SECRET}}})
    fleet, report = released.fleet(settings), tmp_path / "report.json"
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        # as with --debug-all and -vvv
        deploy._hide_in_logs(fleet.mask)
        assert verbs.release(fleet, Options(ref="v1", report=str(report))) == 1
        logging.getLogger("botocore").error("sent %s", ENCODINGS["JSON"](SECRET))
    finally:
        logging.getLogger().removeHandler(handler)
    said = capsys.readouterr()
    assert said.err.count("***") > len(ENCODINGS)
    assert 'sent "***"' in said.err
    journal = "".join(path.read_text() for path in released.path.rglob("journal/**/*") if path.is_file())
    assert "***" in journal
    assert "***" in report.read_text()
    places = {"output": said.out + said.err, "journal": journal, "report": report.read_text()}
    places["commands"] = "".join(command for _, command in released.commands)
    for place, text in places.items():
        for name, encode in ENCODINGS.items():
            assert shown(text, encode(SECRET)) == [], (place, name)
