"""The settings of nginx on the nodes: what nginx sends to clients, and which proxies nginx trusts."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from orchestrator.config.duration import Duration
from orchestrator.config.form import RECORDED, form
from orchestrator.config.paths import ReleasePath
from orchestrator.config.section import Section
from orchestrator.layout import HEALTH

BALANCERS = "balancers"
"""In the setting ``web.trusted_proxies``, this word stands for all balancers of the inventory."""

RESERVED = {
    **dict.fromkeys(("x-release", "x-color", "x-node"), "is the marker's"),
    "cache-control": "belongs to the application and to web.cache",
    **dict.fromkeys(("connection", "content-length", "keep-alive", "transfer-encoding"), "belongs to nginx"),
    **dict.fromkeys(("proxy-authenticate", "proxy-connection", "te", "trailer", "upgrade"), "belongs to nginx"),
    **dict.fromkeys(("content-encoding", "content-type", "date", "location", "server"), "belongs to nginx"),
    "set-cookie": "is never the same for all clients",
}
"""Name of a header that the setting ``web.headers`` must not contain -> the reason.

The names are in small letters.
"""

SIZE = form(
    r"0|[1-9][0-9]{0,9}[kmg]?",
    "a size",
    "write a number of bytes, or a number with k, m or g, such as 64m",
    lambda text: text.lower().removesuffix("b").replace(" ", ""),
)

PART = r"[A-Za-z0-9._~@+*-]+"


def _served(path: str) -> str:
    """Return a path of the document root without a slash at the end.

    Raises ValueError if the path is absolute, has a part ``.`` or ``..``, or has a character other than
    letters, digits and ``. _ ~ @ + - /``.
    """
    path = path.removesuffix("/")
    if "*" in path or not _is_relative(path):
        raise ValueError(
            f"{path!r} is not a path in the document root: use letters, digits and . _ ~ @ + - /, without / at the "
            "beginning"
        )
    return path


def _denied(pattern: str) -> str:
    """Return a pattern of paths of the document root without a slash at the end. The pattern may contain ``*``.

    Raises ValueError if the pattern is absolute, has a part ``.`` or ``..``, or has a character other than
    letters, digits and ``. _ ~ @ + - / *``.
    """
    pattern = pattern.removesuffix("/")
    if not _is_relative(pattern):
        raise ValueError(
            f"{pattern!r} is not a pattern of paths in the document root: use letters, digits and . _ ~ @ + - / *, "
            "without / at the beginning"
        )
    return pattern


def _is_relative(path: str) -> bool:
    return re.fullmatch(rf"{PART}(/{PART})*", path) is not None and not {".", ".."} & set(path.split("/"))


def _proxy(text: str) -> str:
    """Return an IP address or a network in its usual form. Return the word ``balancers`` unchanged.

    Raises ValueError for every other text.
    """
    if text == BALANCERS:
        return text
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither {BALANCERS} nor an IP address nor a network such as 10.0.0.0/16"
        ) from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


class Web(Section):
    """What nginx on the nodes sends (docs/web.md). Paths and patterns are relative to the document root."""

    serve: list[Annotated[str, AfterValidator(_served)]] = Field(
        [],
        description="files and directories that nginx sends even if they are shared or match `deny`, such as a "
        "directory of public uploads. Hidden files in these directories are not sent",
    )
    deny: list[Annotated[str, AfterValidator(_denied)]] = Field(
        [],
        description="patterns of paths that nginx answers with 404, such as `*.sql` or `vendor`. A `*` also matches "
        "slashes. Capital and small letters are not distinguished. If a pattern matches a directory, everything in it "
        "is also denied",
    )
    max_body: Annotated[str, SIZE] = Field(
        "64m",
        description="largest body of a request, such as an upload, on nodes and nginx balancers: bytes, or a number "
        "with `k`, `m` or `g`; `0` means no limit. HAProxy has no limit. PHP has its own limits: set "
        "`post_max_size` and `upload_max_filesize` in the setting `php.ini` (section `php`, key `ini`)",
    )
    headers: dict[str, str] = Field(
        {},
        description="headers of all answers, by name, such as `X-Frame-Options`. If the application sends a header of "
        "the same name, only the application's header is sent",
    )
    cache: Duration = Field(
        0.0,
        ge=0,
        le=315360000,
        description="how long browsers may keep files in `assets` without asking again (`Cache-Control: public, "
        "max-age=..., immutable`). `0`: nginx sends no such header",
    )
    include: ReleasePath | None = Field(
        None,
        description="file of the release with directives of your own, which nginx reads in the `server` block of the "
        "release's color. A release fails if nginx does not accept the file",
    )
    gzip: bool = Field(
        False,
        description="whether nginx compresses text files and answers of the application: HTML, CSS, JavaScript, JSON, "
        "XML, SVG. If not, nginx compresses only HTML",
    )
    redirects: dict[str, str] = Field(
        {},
        description="URL paths that nginx redirects (status 301): path -> new address, such as `/old: /new` or "
        "`/docs: https://docs.example.com/`. Paths below such a path are not redirected. If the new address has no "
        "`?`, nginx appends the query of the request. If a service has a path other than `/`, paths of this "
        "service are not redirected",
    )
    trusted_proxies: list[Annotated[str, AfterValidator(_proxy)]] = Field(
        default_factory=lambda: [BALANCERS],
        description="addresses and networks of the proxies that nginx on the nodes trusts. In requests from these "
        "proxies, nginx believes the headers `X-Forwarded-For` and `X-Forwarded-Proto`. PHP then gets the client's "
        "address (`REMOTE_ADDR`) and whether the client used https (`HTTPS`). The word `balancers` stands for all "
        "balancers of the inventory",
    )

    @field_validator("redirects")
    @classmethod
    def _redirects(cls, redirects: dict[str, str]) -> dict[str, str]:
        """Return the redirects unchanged. Raises ValueError if a path or an address is forbidden.

        nginx's configuration has both in double quotes, so characters such as ``"`` and ``$`` are forbidden.
        """
        for path, address in redirects.items():
            if not re.fullmatch(r"/[A-Za-z0-9._~@+=,/-]*", path):
                raise ValueError(
                    f"{path!r} is not a URL path: begin with /, and use letters, digits and . _ ~ @ + = , / -"
                )
            if path == HEALTH:
                raise ValueError(f"{path} is the health page, which balancers and gates request: remove this redirect")
            if not re.fullmatch(r"(/(?!/)|https?://)[!#%&'()*+,./0-9:;=?@A-Z_a-z~-]*", address):
                raise ValueError(
                    f"{path}: {address!r} is neither a path, such as /new, nor a URL with http:// or https://"
                )
            if address.split("#")[0].split("?")[0] == path:
                raise ValueError(f"{path} is redirected to itself: remove this redirect, or correct its address")
        return redirects

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        """Return the headers unchanged. Raises ValueError if a name or a value is forbidden.

        nginx's configuration has the values in double quotes, so characters such as ``"`` and ``$`` are forbidden.
        """
        seen: set[str] = set()
        for name, value in headers.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
                raise ValueError(
                    f"{name!r} cannot be the name of a header: use letters, digits and -, with a letter at the "
                    "beginning"
                )
            if name.lower().startswith("x-accel-") and info.context != RECORDED:
                raise ValueError(f"{name} would be a command to nginx on a balancer: remove the header")
            if why := RESERVED.get(name.lower()):
                raise ValueError(f"{name} {why}: remove the header")
            if name.lower() in seen:
                raise ValueError(
                    f"the header {name} is listed twice (capital and small letters are the same): remove one of the two"
                )
            if not re.fullmatch(r"[ -~]+", value) or set('"$\\') & set(value):
                raise ValueError(
                    f"{name}: the value is empty, or has a character that nginx's configuration must not contain: "
                    "use ASCII characters, without double quotes, $, \\ and line breaks"
                )
            seen.add(name.lower())
        return headers
