"""Where the journal is: which keys go together."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.journal import Journal


def test_by_default_a_host_keeps_it() -> None:
    assert Journal() == Journal(kind="host", host=None)


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "host", "host": "lb1"},
        {"kind": "s3", "bucket": "acme-deploys"},
        {"kind": "s3", "bucket": "arn:aws:s3:eu-central-1:1:accesspoint/deploys", "prefix": "shop/prod/"},
        {"kind": "s3", "bucket": "b.c", "region": "eu-central-1", "profile": "ci", "endpoint_url": "http://minio:9000"},
    ],
)
def test_keys_that_go_together(keys: dict[str, Any]) -> None:
    assert Journal.model_validate(keys).model_dump(exclude_unset=True) == keys


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"kind": "s3"}, "kind is s3, but the key bucket is missing"),
        ({"bucket": "acme-deploys", "region": "x"}, "the kind host does not use bucket, region: remove bucket, region"),
        ({"kind": "s3", "bucket": "acme-deploys", "host": "lb1"}, "the kind s3 does not use host: remove host"),
        ({"kind": "s3", "bucket": "Acme Deploys"}, "bucket"),
        ({"kind": "s3", "bucket": "acme-deploys", "prefix": "/shop"}, "prefix"),
        ({"kind": "s3", "bucket": "acme-deploys", "endpoint_url": "minio:9000"}, "endpoint_url"),
        ({"kind": "dynamodb"}, "kind"),
        ({"kind": "s3", "bucket": "acme-deploys", "buckett": "x"}, "buckett"),
    ],
)
def test_keys_that_do_not(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        Journal.model_validate(keys)
