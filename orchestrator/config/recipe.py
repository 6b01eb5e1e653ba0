"""Recipes. A recipe is a file of ready-made settings for one kind of application.

The application's own settings override the settings of the recipe.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).parents[1] / "recipes"


def names() -> list[str]:
    """Return the names of all recipes, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def with_recipe(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the application's settings, merged with the recipe that the settings name.

    Sections are merged key by key. In each section, the application's own value or list replaces the value or list of
    the recipe. If the settings name no recipe or an unknown recipe, the settings are returned unchanged. The class
    ``Settings`` reports an unknown recipe.

    + raw: the application's own settings
    """
    name = raw.get("recipe")
    if name not in names():
        return dict(raw)
    return _over(tomllib.loads((RECIPES / f"{name}.toml").read_text()), raw)


def recipe_of(raw: Mapping[str, Any], key: str) -> str | None:
    """Return the name of the recipe from which a value comes; None if the value does not come from a recipe.

    + raw: the application's own settings
    + key: the key of the value with its sections, such as ``shared.seed``
    """
    parts = key.split(".")
    return str(raw["recipe"]) if _has(with_recipe(raw), parts) and not _has(raw, parts) else None


def _has(settings: Any, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(settings, Mapping) or part not in settings:
            return False
        settings = settings[part]
    return True


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(below)
    for key, value in above.items():
        under = made.get(key)
        made[key] = _over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return made
