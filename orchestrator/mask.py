"""Hide secrets in all texts that are shown or recorded."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.encoded import forms, is_distinctive

STARS = "***"
"""The text that stands in place of a secret."""


class Mask(logging.Filter):
    """Replaces secrets by ``***`` in a text. As a logging filter, the mask replaces the secrets in every log record.

    At first, the mask knows the secrets in the settings. ``add`` adds more secrets.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._forms: list[str] = []
        given = settings.environment.values.values() if settings.environment else ()
        tokens = [settings.token, settings.preview_token, settings.maintenance_token]
        secrets = [*tokens, *(value.get_secret_value() for value in given)]
        # values of the setting php.ini may hold a password: for example, the address of a session store
        secrets += settings.php.ini.values()
        self.add([*secrets, *settings.source.secrets])

    def add(self, secrets: Iterable[str]) -> None:
        """Let the mask hide more secrets.

        The mask hides each secret itself, and the secret in the encodings that ``encoded.forms`` lists. If a secret has
        several lines, the mask also hides each line alone. Short texts, plain words and short numbers are not hidden.
        """
        found = set(self._forms)
        for secret in secrets:
            for part in {secret, *secret.splitlines(), *map(str.strip, secret.splitlines())}:
                if is_distinctive(part):
                    found |= forms(part)
        # replace the longest form first, because a form may contain another form
        self._forms = sorted(found, key=lambda form: (-len(form), form))

    def hide(self, text: str) -> str:
        """Return the text with ``***`` in place of each secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, STARS)
        return text

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.hide(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            # a formatter prints this text instead of the exception
            record.exc_text = self.hide(logging.Formatter().formatException(record.exc_info))
        return True
