"""Judge whether the answer to a request is right. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from orchestrator.probe.sample import Failure

KEPT = 65536
"""Size in bytes of the longest body of an answer that the probe keeps and judges.

If the body is longer, the probe judges only the status and the marker headers. But if the body must repeat the number
of uploaded bytes, a longer body counts as a failure, because the body must only repeat this number.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer.

    + release, color, node: values of the headers X-Release, X-Color and X-Node; None if the answer has no such header
    + content_type: value of the header Content-Type; empty if the answer has no such header
    + body: body of the answer; None if the body was longer than `KEPT` bytes
    + extra: whether the server sent more bytes after the end of the answer
    """

    status: int
    release: str | None = None
    color: str | None = None
    node: str | None = None
    content_type: str = ""
    body: bytes | None = b""
    extra: bool = False


def judge(answer: Answer, *, size: int | None = None, marked: bool = False) -> tuple[Failure | None, str]:
    """Return the kind of failure and a message. If the answer is right, return ``(None, "")``.

    A right answer has a status 2xx or 3xx, no bytes after its end, and a right body. The body is wrong in these cases:

    * The content type is JSON, but the body is not JSON.
    * The body is a JSON object whose key ``release`` or ``color`` differs from the header X-Release or X-Color.
    * ``size`` is given, and the body does not repeat this number.

    + size: number of uploaded bytes that the body must repeat, as a JSON number or as the key ``size`` of a JSON
      object; None: the body need not repeat a number
    + marked: whether an answer without the header X-Release is a failure
    """
    if answer.status >= 500:
        return Failure.status_5xx, str(answer.status)
    if not 200 <= answer.status < 400:
        return Failure.status_other, str(answer.status)
    if answer.extra:
        return Failure.wrong_body, "bytes after the end of the answer"
    if wrong := _wrong(answer, size):
        return Failure.wrong_body, wrong
    if marked and not answer.release:
        return Failure.unmarked, "no X-Release"
    return None, ""


def _wrong(answer: Answer, size: int | None) -> str:
    if answer.body is None:
        return "" if size is None else "the body is too long for the answer to an upload"
    try:
        said = json.loads(answer.body) if _is_json(answer) or size is not None else None
    except ValueError:
        return (
            "the body is not JSON, but its content type says so"
            if _is_json(answer)
            else f"the body does not say {size} bytes"
        )
    named = said if isinstance(said, dict) else {}
    for name, marker in (("release", answer.release), ("color", answer.color)):
        code = named.get(name)
        if marker and isinstance(code, str) and code != marker:
            return f"X-{name.capitalize()} says {marker}, the code says {code}"
    got = named.get("size") if isinstance(said, dict) else said
    if size is not None and got != size:
        return f"{size} bytes were sent, the answer says {got}"
    return ""


def _is_json(answer: Answer) -> bool:
    return "json" in answer.content_type and bool(answer.body)
