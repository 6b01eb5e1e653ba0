"""Hide secrets in all texts that are shown or recorded."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable

from typing_extensions import override

from orchestrator.config import Settings

SHORTEST = 6
"""Number of characters. A shorter secret is not hidden, since it may be part of ordinary words."""


class Mask(logging.Filter):
    """Replace secrets by ``***`` in a text, or in every log record when used as a logging filter."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        given = settings.environment.values.values() if settings.environment else ()
        secrets = [settings.token, settings.preview_token, *(value.get_secret_value() for value in given)]
        # php.ini values may hold a password: for example, the address of a session store
        secrets += settings.php.ini.values()
        self.add([*secrets, *settings.source.secrets])

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these secrets as well, both as they are and as dotenv files, shells and JSON quote them.

        If a secret has several lines, each line is hidden by itself.
        """
        for secret in secrets:
            self._secrets |= {
                form for line in (secret, *secret.splitlines()) if _is_distinctive(line) for form in _forms(line)
            }
        # replace the longest secret first, since a secret may begin with another secret
        listed = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, listed))) if listed else None

    def hide(self, text: str) -> str:
        """Return the text with ``***`` in place of each secret."""
        return self._pattern.sub("***", text) if self._pattern else text

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.hide(record.getMessage()), ()
        return True


def _forms(secret: str) -> set[str]:
    """Return the secret itself, and its forms between the quotes of a dotenv file, a shell command and JSON."""
    escaped = re.sub(r'([\\"$`])', r"\\\1", secret)
    dotenv = re.sub(r'([\\"])', r"\\\1", secret)
    one_line = escaped.replace("\n", "\\n").replace("\r", "\\r")
    said = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {secret, escaped, dotenv, one_line, secret.replace("'", r"'\''"), *said}


def _is_distinctive(text: str) -> bool:
    """Say whether a text can only be a secret: it is not short, no plain word (`production`) and no number."""
    return len(text) >= SHORTEST and not re.fullmatch(r"[a-z]{1,16}|\d{1,8}", text)
