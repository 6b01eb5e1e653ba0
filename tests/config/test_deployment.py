"""Two deployments of one application: which names they have."""

from __future__ import annotations

import pytest

from orchestrator.config import load
from orchestrator.config.applied import digests
from orchestrator.errors import UsageError

from .test_settings import raw


def test_without_a_deployment_all_names_are_the_application_s() -> None:
    made = load(raw(journal={"kind": "s3", "bucket": "acme-deploys"}))
    assert (made.name, made.node.root, made.node.name, made.balancer.name) == ("shop", "/srv/shop", "shop", "shop")
    assert made.journal_prefix == "shop"
    # so no fleet that was provisioned before has to be provisioned because of the setting
    assert "deployment" not in digests(made)


def test_a_deployment_has_names_of_its_own() -> None:
    made = load(raw(deployment="staging", journal={"kind": "s3", "bucket": "acme-deploys"}))
    assert (made.app, made.name) == ("shop", "shop-staging")
    assert (made.node.root, made.node.name, made.balancer.name) == ("/srv/shop-staging",) + ("shop-staging",) * 2
    assert made.journal_prefix == "shop-staging"
    assert "deployment" in digests(made)


def test_a_path_that_several_deployments_name_is_not_shared() -> None:
    journal = {"kind": "s3", "bucket": "acme-deploys", "prefix": "journals/web/"}
    production, staging = (load(raw(root="/data/web", journal=journal, **more)) for more in ({}, {"deployment": "x"}))
    assert (production.node.root, staging.node.root) == ("/data/web", "/data/web-x")
    assert (production.journal_prefix, staging.journal_prefix) == ("journals/web", "journals/web-x")


@pytest.mark.parametrize("name", ["", "Staging", "a_b", "-a", "a-", "a--b", "1", "a/b", "a b"])
def test_a_deployment_has_a_plain_name(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a deployment: "):
        load(raw(deployment=name))
