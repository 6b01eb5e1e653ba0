"""Keeps secrets out of whatever is shown or recorded."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable

from typing_extensions import override

from orchestrator.config import Settings

SHORTEST = 6
"""Characters: what is shorter cannot be told from ordinary words."""


class Mask(logging.Filter):
    """Replaces secrets by ``***``. As a logging filter it does so in every record."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        given = settings.environment.values.values() if settings.environment else ()
        secrets = [settings.token, settings.preview_token, *(value.get_secret_value() for value in given)]
        # the address of a session store has its password in it
        secrets += settings.php.ini.values()
        self.add([*secrets, *settings.source.secrets])

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these, too, also as others write them; of a secret of several lines each line."""
        for secret in secrets:
            self._secrets |= {
                form for line in (secret, *secret.splitlines()) if _telling(line) for form in _forms(line)
            }
        # the longest first, since one may begin with another
        listed = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, listed))) if listed else None

    def hide(self, text: str) -> str:
        """The text without any of them."""
        return self._pattern.sub("***", text) if self._pattern else text

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.hide(record.getMessage()), ()
        return True


def _forms(secret: str) -> set[str]:
    """It, and what stands between the quotes of a dotenv file, a shell's command and JSON."""
    escaped = re.sub(r'([\\"$`])', r"\\\1", secret)
    dotenv = re.sub(r'([\\"])', r"\\\1", secret)
    one_line = escaped.replace("\n", "\\n").replace("\r", "\\r")
    said = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {secret, escaped, dotenv, one_line, secret.replace("'", r"'\''"), *said}


def _telling(text: str) -> bool:
    """Whether this can only be a secret: not short, no plain word (`production`), no number."""
    return len(text) >= SHORTEST and not re.fullmatch(r"[a-z]{1,16}|\d{1,8}", text)
