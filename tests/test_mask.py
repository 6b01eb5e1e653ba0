"""Secrets are hidden: unchanged, and in the escaped forms that other programs print."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator import environment
from orchestrator.config import load
from orchestrator.mask import Mask

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
