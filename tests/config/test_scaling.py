"""The Auto Scaling group: which keys go together."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.scaling import Scaling


def test_by_default_it_is_suspended_during_a_run() -> None:
    assert Scaling(group="shop").suspend


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({}, "group"),
        ({"group": ""}, "group"),
        ({"group": "shop", "hook": "catch-up"}, "hook is set, so new instances read the releases from an S3 object"),
        ({"group": "shop", "live": "https://example.com/live.json"}, "live"),
        ({"group": "shop", "live": "s3://bucket"}, "live"),
        ({"group": "shop", "suspended": True}, "suspended"),
    ],
)
def test_keys_that_do_not_fit(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        Scaling.model_validate(keys)
