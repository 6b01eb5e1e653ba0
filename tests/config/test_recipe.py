"""Settings that override a recipe's."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.build import Build
from orchestrator.config.recipe import names, with_recipe
from orchestrator.errors import UsageError

DOCKER = Path(__file__).parents[2] / "docker"
RAW: dict[str, Any] = {
    "app": "shop",
    "source": {"origin": "git@example.com:shop.git"},
    "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://shop.example.com/"]}],
    "marker": {"answers": "all"},
}


def test_the_recipes() -> None:
    assert names() == ["classic", "laravel", "plain-php", "service", "static", "symfony", "wordpress"]


def test_own_settings_are_laid_over_the_recipe_s() -> None:
    settings = load(RAW | {"recipe": "laravel", "php": {"workers": 3}, "permissions": {"writable": ["tmp"]}})
    assert settings.php.workers == 3
    assert settings.php.public == "public"
    assert settings.permissions.writable == ["tmp"]
    assert [step.name for step in settings.build] == ["composer", "artisan"]
    assert load(RAW | {"recipe": "laravel", "build": []}).build == []


def test_nothing_of_a_recipe_without_one() -> None:
    assert with_recipe(RAW) == RAW


def test_an_unknown_recipe_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"recipe: there is no recipe 'laravell' \(did you mean laravel\?\)"):
        load(RAW | {"recipe": "laravell"})


@pytest.mark.parametrize("name", names())
def test_every_recipe_is_settings(name: str) -> None:
    assert load(RAW | {"recipe": name}).recipe == name


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"build": [{"name": "a", "run": "x", "outputs": ["v"]}]},
            "build.0: the step a has outputs, but neither inputs nor `listed`",
        ),
        (
            {"build": [{"name": "a", "run": "x", "inputs": ["v"]}]},
            "build.0: the step a has inputs or `listed`, which have no effect without outputs",
        ),
        ({"build": [{"name": "a", "run": "x", "inputs": ["../v"], "outputs": ["v"]}]}, "not a path or pattern inside"),
        ({"build": [{"name": "a", "run": "x", "inputs": ["l"], "outputs": ["/v"]}]}, "is not a path inside a release"),
        ({"build": [{"name": "a", "run": "x"}, {"name": "a", "run": "y"}]}, "build: several steps have the name a"),
        (
            {
                "build": [{"name": "a", "run": "x", "inputs": ["l"], "outputs": ["var/cache"]}],
                "permissions": {"writable": ["var"]},
            },
            "build.a.outputs: var/cache overlaps the permissions.writable path var: choose another",
        ),
        (
            {"shared": {"directories": ["a"], "seed": ["b"]}},
            "shared.seed: these paths are not in shared.directories: b",
        ),
        ({"environment": {"values": {"A-B": "x"}}}, "cannot be the name of a variable"),
    ],
)
def test_what_a_release_cannot_be_made_of_is_told(more: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        load(RAW | more)


@pytest.mark.parametrize(
    ("shared", "line"),
    [
        (
            {"directories": ["storage"]},
            (
                "settings: shared.seed: these paths are not in shared.directories: storage/app, "
                "storage/framework/cache: add them to shared.directories, or remove them from shared.seed (the recipe "
                "laravel sets this value: set the key yourself to replace the value)"
            ),
        ),
        (
            {"directories": ["storage"], "seed": []},
            (
                "settings: permissions.writable: storage/framework/views is in the shared.directories path storage, "
                "which the live release also uses: remove storage/framework/views from permissions.writable (the "
                "recipe laravel sets this value: set the key yourself to replace the value)"
            ),
        ),
        (
            {"directories": ["a"], "seed": ["b"]},
            (
                "settings: shared.seed: these paths are not in shared.directories: b: add them to shared.directories, "
                "or remove them from shared.seed"
            ),
        ),
    ],
)
def test_an_error_in_a_recipe_s_value_names_the_recipe(shared: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        load(RAW | {"recipe": "laravel", "shared": shared})
    assert str(error.value) == line


@pytest.mark.parametrize("file", sorted(DOCKER.glob("app*/**/settings.toml")), ids=lambda file: file.parent.name)
def test_settings_of_fleet_applications_override_their_recipe(file: Path) -> None:
    own = tomllib.loads(file.read_text())
    made = load(RAW | own)
    if made.recipe:
        # a list in the settings replaces the recipe's list, but the recipe's steps are in it unchanged
        steps = load(RAW | {"recipe": made.recipe}).build
        assert [step for step in made.build if step in steps] == steps


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("resources/", "resources"),
        ("./resources//js/", "resources/js"),
        (".", "*"),
        ("./", "*"),
        ("app/**/*.php", "app/*.php"),
        ("**", "*"),
    ],
)
def test_patterns_are_what_they_look_like(written: str, read: str) -> None:
    step = Build(name="a", run="x", inputs=[written], outputs=["v"])
    assert step.inputs == [read]
