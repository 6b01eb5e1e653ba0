"""The form of texts in the settings: a pattern, with the sentence that tells the operator how to write the text.

An error message never shows a pattern, because an operator in a hurry cannot read a pattern.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import AfterValidator, SecretStr, ValidationInfo

RECORDED = "recorded"
"""The validation context of settings that a journal recorded.

An earlier version of this tool accepted these settings and began a run with them. Therefore the refusals that later
versions added do not apply, so that the run can be completed or undone.
"""

Suggest = Callable[[str], str]

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Characters at which a program may begin a new line."""


def form(pattern: str, what: str, rule: str, suggest: Suggest | None = None) -> AfterValidator:
    """Return a validator that refuses a text if the text does not match a pattern as a whole.

    + pattern: regular expression
    + what: the kind of text that the setting needs, such as "the name of a build step"
    + rule: how to write the text, such as "use small letters"
    + suggest: a function that changes a wrong text into a text that the operator may have meant. The message suggests
      the result if the result matches the pattern. None for no suggestion
    """
    right = re.compile(pattern)

    def check(text: str) -> str:
        if right.fullmatch(text):
            return text
        near = suggest(text) if suggest else ""
        hint = f" (did you mean {near}?)" if right.fullmatch(near) else ""
        raise ValueError(f"{shown(text)} is not {what}: {rule}{hint}")

    return AfterValidator(check)


def newly(refusal: Callable[[Any], str | None]) -> AfterValidator:
    """Return a validator that refuses a value which earlier versions of this tool accepted.

    Settings in a journal are not refused (`RECORDED`).

    + refusal: a function that returns why a value is refused, in one line; None to accept the value
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        if info.context != RECORDED and (why := refusal(value)):
            raise ValueError(why)
        return value

    return AfterValidator(check)


def shown(text: str) -> str:
    """Return a text in quotes, as one line of at most 80 characters, for an error message."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def unprintable(text: str, lines: bool = False) -> str:
    """Name the first character of a text that a setting must not contain, such as "a line break"; empty if none.

    Tabs are permitted.

    + lines: whether the text may contain line breaks and all other control characters except NUL
    """
    for character in text:
        if character == "\0":
            return "a NUL character"
        if unicodedata.category(character) == "Cs":
            return "half of a surrogate pair, which is not a character"
        if lines:
            continue
        if character in BREAKS:
            return "a line break"
        if unicodedata.category(character) == "Cc" and character != "\t":
            return f"the control character U+{ord(character):04X}"
    return ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a mistyped word; None if no known word is similar."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def texts(value: object) -> list[tuple[str, str]]:
    """Return the texts in a setting: the text itself, or the texts in a list or in a dictionary, with its keys.

    Each text comes with the key that it has in the dictionary; the key is empty for all other texts.
    """
    if isinstance(value, SecretStr):
        return [("", value.get_secret_value())]
    if isinstance(value, str):
        return [("", value)]
    if isinstance(value, dict):
        keys = [("", key) for key in value if isinstance(key, str)]
        return keys + [(str(key), text) for key, each in value.items() for _, text in texts([each])]
    if isinstance(value, list | tuple):
        return [found for each in value if isinstance(each, str | SecretStr) for found in texts(each)]
    return []
