"""The risk of shared paths in the document root."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import load, published

from .test_settings import raw


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"shared": {"directories": ["storage"]}}, ""),
        ({"shared": {"directories": ["public/uploads"]}}, "uploads"),
        ({"shared": {"directories": ["public/uploads"]}, "web": {"serve": ["uploads"]}}, ""),
        ({"shared": {"directories": ["public/a/b"]}, "web": {"serve": ["a"]}}, ""),
        ({"shared": {"directories": ["public/a"]}, "web": {"serve": ["a/b"]}}, "a"),
        ({"php": {"public": "."}, "shared": {"directories": ["data"], "files": ["config.php"]}}, "config.php, data"),
        ({"recipe": "wordpress"}, ""),
        ({"recipe": "laravel"}, ""),
        (
            {
                "runtime": "service",
                "services": [{"name": "web", "command": "x", "path": "/", "files": False}],
                "shared": {"directories": ["public/up"]},
            },
            "",
        ),
    ],
)
def test_shared_paths_in_the_document_root_are_a_risk(changes: dict[str, Any], kept: str) -> None:
    settings = load(raw(**changes))
    assert published.risks(settings) == (
        [
            f"the document root ({settings.php.public}) contains shared paths: {kept}. nginx does not send their "
            "files. If the files are public, list these paths in web.serve"
        ]
        if kept
        else []
    )
