"""The announcement that runs write for new instances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from orchestrator.aws.announce import Announcement, Version, announce, read
from orchestrator.errors import OrchestratorError
from orchestrator.model import Color
from tests.aws.cloud import client

URL = "s3://deploys/shop/live.json"
OLD = Version.of("20260101T120000Z-5d0f0c1", "5d0f0c1" + "0" * 33)
NEW = Version.of("20260102T120000Z-aaaaaaa")
TOLD = Announcement("shop", 7, False, Color.green, OLD, NEW)


@pytest.fixture
def s3(aws: None) -> Any:
    made = client("s3", None)
    made.create_bucket(Bucket="deploys", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return made


def test_an_announcement_is_read_back(s3: Any) -> None:
    assert read(s3, URL) is None
    announce(s3, URL, TOLD)
    announce(s3, URL, TOLD)
    assert read(s3, URL) == TOLD
    first = replace(TOLD, fence=8, busy=True, blue=None)
    announce(s3, URL, first)
    assert read(s3, URL) == first


def test_a_key_a_line_for_a_reader_with_sed() -> None:
    assert TOLD.to_json().splitlines() == [
        "{",
        ' "format": 1,',
        ' "app": "shop",',
        ' "fence": 7,',
        ' "busy": false,',
        ' "live": "green",',
        ' "blue": "20260101T120000Z-5d0f0c1",',
        f' "blue_revision": "5d0f0c1{"0" * 33}",',
        ' "green": "20260102T120000Z-aaaaaaa",',
        ' "green_revision": "aaaaaaa"',
        "}",
    ]


def test_an_older_run_does_not_announce(s3: Any) -> None:
    announce(s3, URL, TOLD)
    with pytest.raises(
        OrchestratorError,
        match=r"was not written: the object has the announcement of run 7, which is newer than this run \(6\)",
    ):
        announce(s3, URL, replace(TOLD, fence=6, live=Color.blue))
    assert read(s3, URL) == TOLD


def test_a_concurrent_announcement_is_read_again() -> None:
    with Stubber(client("s3", None)) as stub:
        stub.add_client_error("get_object", "NoSuchKey")
        stub.add_client_error("put_object", "PreconditionFailed")
        body: Any = TOLD.to_json().encode()
        stub.add_response("get_object", {"Body": Body(body), "ETag": '"1"'})
        announce(stub.client, URL, TOLD)
        stub.assert_no_pending_responses()


def test_an_invalid_announcement_is_not_replaced(s3: Any) -> None:
    for text in (
        "",
        "[]",
        "{}",
        TOLD.to_json().replace('"format": 1', '"format": 2'),
        TOLD.to_json().replace("green", "purple"),
    ):
        s3.put_object(Bucket="deploys", Key="shop/live.json", Body=text.encode())
        with pytest.raises(
            OrchestratorError, match=r"^s3://deploys/shop/live\.json is not an announcement: .*; delete the object"
        ):
            announce(s3, URL, TOLD)


def test_an_unreadable_announcement_is_not_taken_for_none() -> None:
    with Stubber(client("s3", None)) as stub:
        stub.add_client_error("get_object", "AccessDenied", "No.")
        with pytest.raises(OrchestratorError, match=r"live\.json: not allowed \(No\.\)"):
            read(stub.client, URL)


def test_no_such_bucket(aws: None) -> None:
    with pytest.raises(OrchestratorError, match=r"^s3://deploys/shop/live\.json: NoSuchBucket: "):
        announce(client("s3", None), URL, TOLD)


class Body:
    """The body of an answer, as botocore returns it."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text
