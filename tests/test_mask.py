"""Secrets are hidden: unchanged, and in the escaped forms that other programs print."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from orchestrator import environment
from orchestrator.config import load
from orchestrator.encoded import forms
from orchestrator.mask import Mask
from tests.encodings import ENCODINGS, SECRET, shown

SETTINGS: dict[str, Any] = {
    "app": "shop",
    "source": {"origin": "x"},
    "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://haproxy.test/"]}],
    "marker": {"answers": "all", "token": "secret-token"},
}


def in_dotenv(secret: str) -> str:
    return environment.text({"K": secret}).removeprefix("K=").removesuffix("\n")


def in_sh(secret: str) -> str:
    return "'" + secret.replace("'", r"'\''") + "'"


@pytest.mark.parametrize("written", [str, in_dotenv, in_sh, json.dumps])
@pytest.mark.parametrize("secret", ["plain-$ecret", "pa'ss\"word1", "pa'ss\\word1", "pa'ss\nsecond line"])
def test_a_secret_is_hidden_as_others_write_it(secret: str, written: Any) -> None:
    mask = Mask(load(SETTINGS))
    mask.add([secret])
    text = mask.hide(f"KEY={written(secret)};")
    assert text.replace('"', "").replace("'", "") in ("KEY=***;", "KEY=***\n***;")


def test_a_secret_as_an_earlier_version_wrote_it_is_hidden() -> None:
    mask = Mask(load(SETTINGS))
    mask.add(["pa'ss$word1", "pa'ss`word2\nmore"])
    assert mask.hide(r'"pa\'ss\$word1" "pa\'ss\`word2\nmore"'.replace(r"\'", "'")) == '"***" "***"'


@pytest.mark.parametrize("section", ["marker", "preview", "maintenance"])
def test_each_token_of_the_settings_is_hidden(section: str) -> None:
    more = {"marker": {"answers": "all", "token": "probe-token-17"}} | {section: {"token": "testers-token-17"}}
    assert Mask(load(SETTINGS | more)).hide("map testers-token-17;") == "map ***;"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_hidden_in_every_encoding(encoding: str) -> None:
    mask = Mask(load(SETTINGS))
    mask.add([SECRET])
    written = ENCODINGS[encoding](SECRET)
    # the output of a command is hidden line by line
    hidden = "\n".join(map(mask.hide, f"before {written} behind".splitlines()))
    assert "***" in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" behind")
    assert shown(hidden, written) == []


def test_texts_beside_a_secret_stay() -> None:
    mask = Mask(load(SETTINGS))
    mask.add(["Tr0ub4dor"])
    assert mask.hide("the color blue has release 20260101T120000Z-5d0f0c1") == (
        "the color blue has release 20260101T120000Z-5d0f0c1"
    )
    assert min(map(len, forms("Tr0ub4"))) >= 6


def test_a_log_line_hides_the_secret_in_its_exception() -> None:
    mask = Mask(load(SETTINGS))
    try:
        raise ValueError("secret-token")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "failed with %s", ("secret-token",), sys.exc_info())
    assert mask.filter(record)
    text = logging.Formatter().format(record)
    assert text.startswith("failed with ***\nTraceback")
    assert "secret-token" not in text.replace('raise ValueError("secret-token")', "")
