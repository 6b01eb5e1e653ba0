"""Hide secrets in all texts that are shown or recorded."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable

from typing_extensions import override

from orchestrator.config import Settings

SHORTEST = 6
"""Number of characters that a secret must have at least. The mask does not hide shorter secrets.

A shorter secret may be a part of ordinary words.
"""


class Mask(logging.Filter):
    """Replaces secrets by ``***`` in a text. As a logging filter, the mask replaces the secrets in every log record.

    At first, the mask knows the secrets in the settings. ``add`` adds more secrets.
    """

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
        """Let the mask hide more secrets.

        Each secret is hidden as it is, and in the forms in which dotenv files, shells and JSON quote the secret. If a
        secret has several lines, each line is also hidden alone. Short texts, plain words and short numbers are not
        hidden.
        """
        for secret in secrets:
            self._secrets |= {
                form for line in (secret, *secret.splitlines()) if _is_distinctive(line) for form in _forms(line)
            }
        # replace the longest secret first, because a secret may begin with another secret
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
    """Return the secret itself, and the forms of the secret in a dotenv file, in a shell command and in JSON."""
    escaped = re.sub(r'([\\"$`])', r"\\\1", secret)
    dotenv = re.sub(r'([\\"])', r"\\\1", secret)
    one_line = escaped.replace("\n", "\\n").replace("\r", "\\r")
    said = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {secret, escaped, dotenv, one_line, secret.replace("'", r"'\''"), *said}


def _is_distinctive(text: str) -> bool:
    """Return whether a secret should be hidden. Short texts, plain words (`production`) and short numbers should not.

    Such texts also occur in ordinary output. The output would become unreadable if the mask replaced such texts.
    """
    return len(text) >= SHORTEST and not re.fullmatch(r"[a-z]{1,16}|\d{1,8}", text)
