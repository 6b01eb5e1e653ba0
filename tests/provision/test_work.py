"""Operations of provisioning end with one line if the state of the host is unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import StepFailed, Unclear
from orchestrator.provision import work


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A host, and in ``failed`` the hosts that pyinfra has marked as failed."""
    found = SimpleNamespace(name="node1", failed=[])
    monkeypatch.setattr(work, "host", found)
    monkeypatch.setattr(work, "state", SimpleNamespace(failed_hosts=found.failed))
    return found


def test_an_operation_that_could_not_read_a_fact_fails(host: SimpleNamespace) -> None:
    def packages(**arguments: Any) -> Any:
        # pyinfra marks the host as failed, and goes on as if nothing was installed
        host.failed.append(host)
        return SimpleNamespace(did_change=lambda: True)

    with pytest.raises(StepFailed, match="node1: packages: the state of the host cannot be read"):
        work.Work().do("packages", packages)


def test_an_answer_that_is_not_understood_fails_the_operation(host: SimpleNamespace) -> None:
    def packages(**arguments: Any) -> Any:
        raise Unclear("Welcome")

    with pytest.raises(StepFailed, match="node1: packages: does not say how it is: Welcome"):
        work.Work().do("packages", packages)
