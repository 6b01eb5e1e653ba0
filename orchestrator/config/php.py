"""The PHP-FPM master of a color."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section


class Php(Section):
    """PHP-FPM: each color has a master process, with its own OPcache."""

    version: str = Field("8.2", pattern=r"^\d\.\d$", description="PHP version, as in the names of its packages")
    public: str = Field(
        "public",
        pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$",
        description="document root, as a path in the release; `.` is the whole release",
    )
    front: str = Field(
        "index.php",
        pattern=r"^[A-Za-z0-9._-]+\.php$",
        description="front controller: the PHP file that answers every request for which there is no file",
    )
    scripts: bool = Field(
        False,
        description="whether requests may also run the other PHP files of the document root by name, as "
        "WordPress needs (`/wp-login.php`, `/wp-admin/`). PHP files in shared or writable "
        "directories never run",
    )
    workers: int = Field(16, ge=1, le=4096, description="number of PHP-FPM workers of each color (pm.max_children)")
    idle_workers: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="number of workers, less than `workers`, of the color that lost the traffic, once `soak` "
        "is over; a rollback then starts and warms that color first. Default: the color keeps all"
        " workers, and a rollback is instant",
    )
    request_limit: int = Field(60, ge=1, description="seconds that a request may take (request_terminate_timeout)")
    sessions: Literal["shared", "php"] = Field(
        "shared",
        description="where sessions are: `shared`: files in `shared/sessions`, which both colors read, so "
        "users stay logged in; `php`: as PHP's own configuration and `ini` say",
    )
    compile: list[str] = Field(
        default_factory=lambda: ["."],
        description="files and directories of a release that are compiled into OPcache before the release "
        "gets traffic; `.` is the whole release, and an empty list compiles nothing",
    )
    compile_exclude: list[str] = Field(
        default_factory=list,
        description="patterns of paths that are not compiled, such as `vendor/*/tests/*`; a `*` also matches slashes",
    )
    preload: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\.php$",
        description="PHP file of a release that runs when a color starts (opcache.preload): the code that "
        "this file loads is in memory for every request. A release without this file starts "
        "without preloading",
    )
    opcache: Literal["refuse", "warn"] = Field(
        "refuse",
        description="what happens if a release does not fit into OPcache: `refuse`: the run fails before "
        "traffic moves; `warn`: the run shows a warning",
    )
    ini: dict[str, str] = Field(default_factory=dict, description="php.ini values of both colors, by name")

    @model_validator(mode="after")
    def _idle_is_less(self) -> Php:
        if self.idle_workers is not None and self.idle_workers >= self.workers:
            raise ValueError(f"idle_workers: fewer than the {self.workers} workers of a color with traffic")
        return self
