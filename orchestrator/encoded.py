"""Write a secret in all forms in which programs print texts, so that the mask can find the secret in their output.

All functions are pure.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Number of characters that a secret must have at least. The mask does not hide shorter secrets.

A shorter secret may be a part of ordinary words.
"""

LINES = (64, 76)
"""Numbers of characters after which programs break the lines of base64: PEM files (64) and the command base64 (76)."""


def is_distinctive(text: str) -> bool:
    """Return whether a secret should be hidden. Short texts, plain words (`production`) and short numbers should not.

    Such texts also occur in ordinary output. The output would become unreadable if the mask replaced such texts.
    """
    return len(text) >= SHORTEST and not re.fullmatch(r"[a-z]{1,16}|\d{1,8}", text)


def forms(secret: str) -> set[str]:
    """Return the secret itself, and the forms of the secret in the encodings that programs use in their output.

    The encodings are: dotenv files, quotes of shells, JSON and strings of programming languages, percent-encoding,
    base64, hexadecimal digits, and HTML. Forms that are shorter than SHORTEST characters are left out.
    """
    found = {secret, *_quoted(secret), *_strings(secret), *_percent(secret), *_base64(secret), *_html(secret)}
    hexadecimal = secret.encode(errors="surrogatepass").hex()
    return {form for form in (*found, hexadecimal, hexadecimal.upper()) if len(form) >= SHORTEST}


def _quoted(secret: str) -> Iterable[str]:
    """Yield the forms of a secret in a dotenv file and in a shell command, without the quotes at both ends."""
    escaped = re.sub(r'([\\"$`])', r"\\\1", secret)
    yield escaped
    yield re.sub(r'([\\"])', r"\\\1", secret)
    yield escaped.replace("\n", "\\n").replace("\r", "\\r")
    yield secret.replace("'", r"'\''")
    yield shlex.quote(secret).removeprefix("'").removesuffix("'")
    # a backslash before each special character, as `printf %q` of bash prints the text, and inside $'...'
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", secret)
    yield re.sub(r"([\\'])", r"\\\1", secret).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _strings(secret: str) -> Iterable[str]:
    """Yield the forms of a secret in a string of JSON, of PHP (``var_export``) and of Python (``repr``)."""
    for ascii_only in (True, False):
        said = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        for once in (said, said.replace("/", "\\/")):
            yield once
            # JSON inside a string of JSON
            yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
            yield json.dumps(once, ensure_ascii=ascii_only)[1:-1].replace("/", "\\/")
    # PHP also escapes these characters in JSON, if the options JSON_HEX_... are on
    hexed = json.dumps(secret)[1:-1].replace("/", "\\/")
    for character, code in {"<": "003C", ">": "003E", "&": "0026", "'": "0027"}.items():
        hexed = hexed.replace(character, f"\\u{code}")
    yield hexed.replace('\\"', "\\u0022")
    yield re.sub(r"([\\'])", r"\\\1", secret)
    yield repr(secret)[1:-1]


def _percent(secret: str) -> Iterable[str]:
    """Yield the forms of a secret in a URL and in the body of a form."""
    for safe in ("", "/", "/:@!$&'()*+,;=", "!'()*", "~"):
        for encoded in (quote(secret, safe=safe, errors="replace"), quote_plus(secret, safe=safe, errors="replace")):
            yield encoded
            yield re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), encoded)
    # a URL inside a URL
    yield quote(quote(secret, safe="", errors="replace"), safe="")


def _base64(secret: str) -> Iterable[str]:
    """Yield the characters that a secret has in base64, wherever the secret begins in the encoded text.

    Three bytes make four characters. Therefore the characters depend on the position of the secret in the text, and the
    first and the last character may also depend on the text before and after the secret. The result does not have a
    character that depends on other text. If a program breaks the encoded text into lines, the places of the line breaks
    also depend on the position of the secret. The result has the pieces between the line breaks only for a text that
    begins with the secret.
    """
    data = secret.encode(errors="replace")
    for before in range(3):
        bits = 8 * (before + len(data))
        skipped = -(-8 * before // 6)
        whole = base64.b64encode(b"\0" * before + data).decode()[skipped : bits // 6]
        for encoded in {whole, whole.replace("+", "-").replace("/", "_")}:
            yield encoded
            if before == 0:
                yield from (encoded[at : at + width] for width in LINES for at in range(0, len(encoded), width))


def _html(secret: str) -> Iterable[str]:
    """Yield the forms of a secret in HTML and XML."""
    yield html.escape(secret, quote=False)
    yield html.escape(secret)
    # PHP (htmlspecialchars) and Twig
    yield html.escape(secret).replace("&#x27;", "&#039;")
    yield html.escape(secret).replace("&#x27;", "&#39;")
