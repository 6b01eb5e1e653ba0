"""Rules about what of a release is built, shared, owned and sent to browsers."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.files import (
    assets_are_relative_to_the_document_root,
    build_steps_are_distinct,
    cached_files_are_assets,
    included_file_is_not_writable,
    outputs_overlap_nothing,
    private_files_are_not_served,
    release_files_are_not_shared,
    seeds_are_shared_directories,
    shared_paths_do_not_overlap,
    web_paths_are_relative_to_the_document_root,
    web_steps_come_last,
)

from .table import said

VENDOR = {"name": "composer", "run": "x", "inputs": ["composer.lock"], "outputs": ["vendor"]}
MIGRATE = {"name": "migrate", "run": "x", "user": "web"}


@pytest.mark.parametrize(
    ("rule", "changes", "problem"),
    [
        (build_steps_are_distinct, {"build": [VENDOR, VENDOR | {"name": "npm"}]}, None),
        (
            build_steps_are_distinct,
            {"build": [VENDOR, VENDOR]},
            "build: several steps have the name composer: give each step a different name",
        ),
        (web_steps_come_last, {"build": [VENDOR, MIGRATE, MIGRATE | {"name": "cache"}]}, None),
        (
            web_steps_come_last,
            {"build": [MIGRATE, VENDOR]},
            "build.composer: the step follows migrate, but steps of the web user run after all other steps: move "
            "migrate to the end of the list",
        ),
        (seeds_are_shared_directories, {"shared": {"directories": ["a", "b"], "seed": ["b"]}}, None),
        (
            seeds_are_shared_directories,
            {"shared": {"directories": ["a"], "files": ["b"], "seed": ["a", "b", "c"]}},
            (
                "shared.seed: these paths are not in shared.directories: b, c: add them to shared.directories, or "
                "remove them from shared.seed"
            ),
        ),
        (
            outputs_overlap_nothing,
            {
                "build": [VENDOR],
                "shared": {"directories": ["vendors"], "files": ["vendor.txt"]},
                "environment": {},
                "permissions": {"writable": ["var"]},
            },
            None,
        ),
        *(
            (
                outputs_overlap_nothing,
                {"build": [VENDOR]} | changes,
                f"build.composer.outputs: vendor overlaps the {why} path {path}: choose another output path",
            )
            for changes, why, path in (
                ({"shared": {"directories": ["vendor"]}}, "shared", "vendor"),
                ({"shared": {"files": ["vendor/key"]}}, "shared", "vendor/key"),
                ({"environment": {"path": "vendor/.env"}}, "environment", "vendor/.env"),
                ({"permissions": {"writable": ["vendor/cache"]}}, "permissions.writable", "vendor/cache"),
            )
        ),
        (assets_are_relative_to_the_document_root, {"assets": ["build", "publicity"]}, None),
        (
            assets_are_relative_to_the_document_root,
            {"assets": ["build", "public/js"]},
            "assets: public/js begins with the document root public/: write js",
        ),
        (cached_files_are_assets, {"web": {"cache": "24h"}, "assets": ["build"]}, None),
        (
            cached_files_are_assets,
            {"web": {"cache": "24h"}},
            (
                "web.cache: the cache has an effect only on directories in assets, but assets is empty: list "
                "directories in assets, or remove web.cache"
            ),
        ),
        (web_paths_are_relative_to_the_document_root, {"web": {"serve": ["up"], "deny": ["publicity"]}}, None),
        *(
            (
                web_paths_are_relative_to_the_document_root,
                {"web": {key: ["up", "public/js"]}},
                f"web.{key}: public/js begins with the document root public/: write js",
            )
            for key in ("serve", "deny")
        ),
        (
            private_files_are_not_served,
            {"php": {"public": "."}, "environment": {"path": "conf/env"}, "web": {"serve": ["conf", ".env"]}},
            None,
        ),
        *(
            (
                private_files_are_not_served,
                {"php": {"public": "."}, "web": {"serve": ["a", "conf/env"]}} | changes,
                (
                    "web.serve: nginx never sends conf/env, which is the environment file or in permissions.private: "
                    "remove conf/env from web.serve"
                ),
            )
            for changes in ({"environment": {"path": "conf/env"}}, {"permissions": {"private": ["conf"]}})
        ),
        (
            included_file_is_not_writable,
            {"web": {"include": "var.conf"}, "permissions": {"writable": ["var", "var.conf.d"]}},
            None,
        ),
        (
            included_file_is_not_writable,
            {"web": {"include": "var/nginx/own.conf"}, "permissions": {"writable": ["cache", "var"]}},
            (
                "web.include: var/nginx/own.conf is in var (permissions.writable), where the web user could replace "
                "the file: move the file to another directory"
            ),
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"directories": ["storage/app", "storage/app2", "storage-x"], "files": ["storage/key"]}},
            None,
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"directories": ["storage"], "files": ["storage/oauth-private.key"]}},
            (
                "shared.files: storage/oauth-private.key is shared already, because it is in storage "
                "(shared.directories): remove storage/oauth-private.key"
            ),
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"directories": ["storage/app", "storage/"]}},
            (
                "shared.directories: storage/app is shared already, because it is in storage (shared.directories): "
                "remove storage/app"
            ),
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"directories": ["auth/keys"], "files": ["auth"]}},
            "shared.directories: auth/keys is shared already, because it is in auth (shared.files): remove auth/keys",
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"directories": ["storage"], "files": ["storage"]}},
            "shared.files: storage is also in shared.directories: list storage only once",
        ),
        (
            shared_paths_do_not_overlap,
            {"shared": {"files": ["a", "a"]}},
            "shared.files: a is also in shared.files: list a only once",
        ),
        (
            release_files_are_not_shared,
            {
                "shared": {"directories": ["storage/app"]},
                "environment": {},
                "permissions": {"modes": {"storage": "750"}, "private": ["storage"], "writable": ["storage"]},
            },
            None,
        ),
        *(
            (
                release_files_are_not_shared,
                {"shared": {key: [shared]}, "environment": {"path": path}},
                (
                    f"environment.path: {path} overlaps the shared.{key} path {shared}, which all releases share, but "
                    "each release has a separate environment: choose another environment path"
                ),
            )
            for key, shared, path in (
                ("directories", "storage", "storage/app/.env"),
                ("directories", ".env/keys", ".env"),
                ("files", ".env", ".env"),
            )
        ),
        *(
            (
                release_files_are_not_shared,
                {"shared": {"directories": ["storage"], "files": ["auth.json"]}, "permissions": {key: paths}},
                f"permissions.{key}: {path} is in the shared.{of} path {shared}, which the live release also uses: "
                f"remove {path} from permissions.{key}",
            )
            for key, paths, path, of, shared in (
                ("modes", {"auth.json": "600"}, "auth.json", "files", "auth.json"),
                ("private", ["storage/keys"], "storage/keys", "directories", "storage"),
                ("writable", ["storage/cache"], "storage/cache", "directories", "storage"),
            )
        ),
    ],
)
def test_rules_about_files(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
