"""Make the page docs/settings.md from the code: ``python -m orchestrator.config.document > docs/settings.md``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from orchestrator.config.applied import KEYS, class_of
from orchestrator.config.duration import seconds
from orchestrator.config.settings import KINDS, Settings, section_in

LIKE = {"databases": "database"}
"""Key that holds several sections by name -> key of a section with the same keys. The page shows the keys once."""


def document() -> str:
    """Return the whole page, in Markdown. References such as ``(docs/using.md)`` become links to the pages."""
    lines = [
        "# Settings",
        "",
        "The settings are one dictionary, `settings`, in the inventory's group data. An unknown key is an error.",
        "[how.md](how.md#words) explains words such as release, node and color.",
        "",
        "A duration is a number of seconds, or a text with a unit: `500ms`, `90s`, `2m`, `1h`. If the default is",
        "empty, the key is not set. Each section has its own table below.",
        "",
        "The column `class` says which command applies the key after you changed it (docs/using.md):",
        "",
        "* `servers`: provisioning. Until `deploys/provision.py` has applied the change, a release is refused.",
        "* `release`: the next run. You need not provision.",
        "* `release, servers`: the next run. If `scaling.hook` is set, provision first, because new instances of the",
        "  Auto Scaling group have the value from provisioning.",
        "",
        "This page is generated from the code: `python -m orchestrator.config.document > docs/settings.md`.",
        "",
        *_section(Settings, ""),
    ]
    return re.sub(r"\(docs/([\w-]+\.md)\)", r"([\1](\1))", "\n".join(lines)) + "\n"


def _section(section: type[BaseModel], path: str) -> Iterable[str]:
    if path:
        yield f"## {path}"
        yield ""
    yield inspect.cleandoc(section.__doc__ or "")
    yield ""
    yield "| key | class | type | default | meaning |"
    yield "|---|---|---|---|---|"
    inner = []
    for key, field in section.model_fields.items():
        found = section_in(field.annotation)
        if found is not None and key not in LIKE:
            inner.append((key, found))
        default = _default(field)
        if found and key not in LIKE and default not in ("", "`[]`") and not field.is_required():
            default = "see table"
        kind_of_key = _class(f"{path}.{key}" if path else key, found is not None)
        yield f"| `{key}` | {kind_of_key} | {_kind(field)} | {default} | {_meaning(key, field)} |"
    yield ""
    for key, found in inner:
        where = f"{path}.{key}" if path else key
        if found in KINDS:
            for kind, inner_section in KINDS[found].items():
                yield from _section(inner_section, f"{where}, kind {kind}")
        else:
            yield from _section(found, where)


def _class(name: str, is_section: bool) -> str:
    """Return the text of the column ``class`` for a key: which command applies the key.

    If the key is a section, the text is empty, because the section has its own table, which shows the classes.
    Exception: if provisioning applies the section as a whole, the text is the class of the section.

    + name: heading of the section on the page, a dot, and the key, such as ``switches, kind nginx.listen``
    """
    plain = re.sub(r", kind \w+", "", name)
    return "" if is_section and not any(key.name == plain for key in KEYS) else class_of(plain)


def _meaning(key: str, field: FieldInfo) -> str:
    """Return the text of the column ``meaning`` for a setting.

    The text is the setting's description. If a setting holds a section and has no description, the text is the first
    line of the section's docstring.
    """
    found = section_in(field.annotation)
    if field.description or found is None:
        return field.description or ("selects the kind that this table describes" if key == "kind" else "")
    return inspect.cleandoc(found.__doc__ or "").split("\n")[0]


def _kind(field: FieldInfo) -> str:
    return "duration" if _is_duration(field) else _type(field.annotation)


def _is_duration(field: FieldInfo) -> bool:
    """Return whether a setting is a duration. ``Duration | None`` has the validator inside of the annotation."""
    parts = (field.annotation, *get_args(field.annotation))
    inside = [rule for part in parts if get_origin(part) is Annotated for rule in get_args(part)[1:]]
    return any(isinstance(rule, BeforeValidator) and rule.func is seconds for rule in (*field.metadata, *inside))


def _type(annotation: Any) -> str:
    if annotation is NoneType:
        return "nothing"
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    if is_enum or get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in (annotation if is_enum else get_args(annotation)))
    if isinstance(annotation, type) and not get_args(annotation):
        if issubclass(annotation, BaseModel):
            return "section"
        return {
            "SecretStr": "secret text",
            "str": "text",
            "int": "whole number",
            "float": "number",
            "bool": "yes or no",
        }.get(annotation.__name__, annotation.__name__)
    parts = [_type(part) for part in get_args(annotation)]
    if get_origin(annotation) is list:
        return f"list of {parts[0]}"
    if get_origin(annotation) is dict:
        return f"dictionary of {parts[1]}"
    return " or ".join(parts)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if field.default_factory_takes_validated_data:
        return ""  # the default depends on other settings, and the description of the key explains it
    value = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
    if value is None or value is PydanticUndefined:
        return ""
    return f"{value:g} s" if _is_duration(field) else f"`{value}`"


if __name__ == "__main__":
    print(document(), end="")
