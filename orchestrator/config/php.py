"""The settings of PHP and PHP-FPM."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from orchestrator.config.form import form, newly, shown
from orchestrator.config.paths import ReleasePathOrAll, ReleasePattern, relative
from orchestrator.config.section import Section

PLAIN = "use letters, digits and . _ -"
FRONT = form(r"[A-Za-z0-9._-]+\.php", "the name of a PHP file", f"{PLAIN}, and .php at the end")
PRELOAD = form(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\.php",
    "the path of a PHP file in a release",
    f"{PLAIN} and /, with .php at the end, and without . and / at the beginning",
    relative,
)


def _minor(version: str) -> str:
    """Return the first two numbers of a PHP version: 8.2 for 8.2.7."""
    return ".".join(version.removeprefix("php").split(".")[:2])


def _no_document_root(path: str) -> str | None:
    """Return why a path cannot be the document root; None if the path can be the document root."""
    parts = path.split("/")
    if path != "." and {".", ".."} & set(parts):
        near = relative(path)
        hint = f" (did you mean {near}?)" if near else ""
        return f"{path!r} is not a path inside a release, because it has a part . or ..{hint}"
    if parts[0] in (".git", ".release"):
        return f"{path!r} belongs to git or to the orchestrator: choose another document root"
    return None


Public = Annotated[
    str,
    form(
        r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*",
        "a path in a release",
        f"{PLAIN} and /, without / at the beginning and at the end",
        relative,
    ),
    newly(_no_document_root),
]


class Php(Section):
    """PHP and PHP-FPM. Each color has its own PHP-FPM master process, with its own OPcache."""

    version: Annotated[str, form(r"\d\.\d", "a version of PHP", "use two numbers, such as 8.2", _minor)] = Field(
        "8.2", description="PHP version, as in the names of the PHP packages, such as `8.2`"
    )
    public: Public = Field(
        "public",
        description="document root, as a path in the release; `.` is the whole release",
    )
    front: Annotated[str, FRONT] = Field(
        "index.php",
        description="front controller: the PHP file that answers all requests for which the document root has no file",
    )
    scripts: bool = Field(
        False,
        description="whether requests may also run the other PHP files of the document root, by the files' names. "
        "WordPress needs this (`/wp-login.php`, `/wp-admin/`). A path such as `/api.php/users/7` runs `api.php`, with "
        "`/users/7` in `PATH_INFO`. A path that ends with a slash runs `index.php` of that directory, or sends "
        "`index.html` if there is no `index.php`. PHP files in shared or writable directories never run",
    )
    fallback: bool = Field(
        True,
        description="whether the front controller answers the requests for which the document root has no file. If "
        "not, nginx answers these requests with 404. `False` needs `scripts`",
    )
    workers: int = Field(16, ge=1, le=4096, description="number of PHP-FPM workers of each color (`pm.max_children`)")
    idle_workers: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="number of workers, less than `workers`, that the color without traffic has after `soak`. A "
        "rollback after `soak` first starts and warms that color. Default: the color keeps all its "
        "workers, and a rollback is instant",
    )
    request_limit: int = Field(
        60, ge=1, le=86400, description="time limit of a request in seconds (`request_terminate_timeout`)"
    )
    sessions: Literal["shared", "php"] = Field(
        "shared",
        description="where PHP stores sessions. `shared`: in files in `shared/sessions`, which both colors use, so "
        "users stay logged in; `php`: at the place that `session.save_path` names, in PHP's own configuration or in "
        "the setting `php.ini`",
    )
    compile: list[ReleasePathOrAll] = Field(
        default_factory=lambda: ["."],
        description="files and directories of a release that are compiled into OPcache before the release gets "
        "traffic. `.` is the whole release. If the list is empty, nothing is compiled in advance",
    )
    compile_exclude: list[ReleasePattern] = Field(
        [],
        description="patterns of paths that are not compiled in advance, such as `vendor/*/tests/*`. A `*` also "
        "matches slashes",
    )
    preload: Annotated[str, PRELOAD] | None = Field(
        None,
        description="PHP file of the release that runs when a color starts (`opcache.preload`). The code that this "
        "file loads stays in memory for all requests. If a release does not have this file, its color "
        "starts without preloading",
    )
    opcache: Literal["refuse", "warn"] = Field(
        "refuse",
        description="what happens if a release does not fit into OPcache. `refuse`: the run fails before any traffic "
        "moves; `warn`: the run shows a warning and continues",
    )
    ini: dict[str, str] = Field(
        {},
        description="directives of PHP's configuration for both colors, as name and value, such as `memory_limit`",
    )

    @field_validator("ini")
    @classmethod
    def _directives(cls, ini: dict[str, str]) -> dict[str, str]:
        for key, value in ini.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
                raise ValueError(f"{shown(key)} is not the name of a PHP directive, such as memory_limit")
            if re.search(r'"|\$\{', value):
                raise ValueError(f'the value of {key} must not contain " or ${{')
        return ini

    @model_validator(mode="after")
    def _fits_together(self) -> Php:
        if self.idle_workers is not None and self.idle_workers >= self.workers:
            raise ValueError(f"idle_workers must be less than workers ({self.workers})")
        if not (self.fallback or self.scripts):
            raise ValueError(
                "fallback is False, but without scripts the front controller answers all requests: set fallback = "
                "True, or scripts = True"
            )
        return self
