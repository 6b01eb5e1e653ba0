"""Fixtures: moto in this process or as a server, without the credentials of the person who runs the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

from orchestrator.aws.api import Account
from tests.aws.cloud import KEYS, Cloud, client

KEYS_IN_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
    "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
    "AWS_DEFAULT_REGION": KEYS["region_name"],
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "ORCHESTRATOR_"))]:
        monkeypatch.delenv(name)
    for name, value in KEYS_IN_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto in this process; its clients are made once."""
    monkeypatch.setattr(Account, "_client", lambda account, service: client(service, None))
    with mock_aws():
        yield


@pytest.fixture
def cloud(aws: None) -> Cloud:
    """A fleet of three nodes."""
    return Cloud()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A moto server's URL."""
    served = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()
