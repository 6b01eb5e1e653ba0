"""Check the name of a version: the name of a branch, tag or commit in git, or the version in the name of a tarball."""

from __future__ import annotations

import re

RULES = (
    (r"^$", "it is empty"),
    (r" ", "it contains a space"),
    (r"\\", "it contains a backslash"),
    (r"[~^:?*\[]|\.\.|@\{", "it contains {found}"),
    (r"^/|/$|//", "it begins or ends with /, or contains //"),
    (r"^-", "it begins with -"),
    (r"(^|/)\.", "it begins with a dot, or has a dot directly after a /"),
    (r"\.lock(/|$)", "it ends with .lock, or has .lock directly before a /"),
    (r"\.$", "it ends with a dot"),
    (r"^@$", "it is only the character @"),
)
"""Regular expression for names that git refuses -> why git refuses them (``git check-ref-format --branch``)."""


def fault(ref: str) -> str | None:
    """Return why a text cannot be the name of a branch or tag; None if it can. Pure.

    The rules are git's rules, with one more: all characters must be visible. Otherwise, messages would show another
    name than the given name.
    """
    if hidden := next((character for character in ref if not character.isprintable()), None):
        return f"it contains a character that is not visible (U+{ord(hidden):04X})"
    for pattern, why in RULES:
        if found := re.search(pattern, ref):
            return why.format(found=found[0])
    return None
