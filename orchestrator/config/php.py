"""The settings of PHP and PHP-FPM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.config.section import Section


class Php(Section):
    """PHP and PHP-FPM. Each color has its own PHP-FPM master process, with its own OPcache."""

    version: str = Field(
        "8.2", pattern=r"^\d\.\d$", description="PHP version, as in the names of the PHP packages, such as `8.2`"
    )
    public: str = Field(
        "public",
        pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$",
        description="document root, as a path in the release; `.` is the whole release",
    )
    front: str = Field(
        "index.php",
        pattern=r"^[A-Za-z0-9._-]+\.php$",
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
    request_limit: int = Field(60, ge=1, description="time limit of a request in seconds (`request_terminate_timeout`)")
    sessions: Literal["shared", "php"] = Field(
        "shared",
        description="where PHP stores sessions. `shared`: in files in `shared/sessions`, which both colors use, so "
        "users stay logged in; `php`: at the place that PHP's own configuration and the setting `ini` name",
    )
    compile: list[str] = Field(
        default_factory=lambda: ["."],
        description="files and directories of a release that are compiled into OPcache before the release gets "
        "traffic. `.` is the whole release. If the list is empty, nothing is compiled in advance",
    )
    compile_exclude: list[str] = Field(
        default_factory=list,
        description="patterns of paths that are not compiled in advance, such as `vendor/*/tests/*`. A `*` also "
        "matches slashes",
    )
    preload: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\.php$",
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
        default_factory=dict, description="php.ini directives of both colors, as name and value"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Php:
        if self.idle_workers is not None and self.idle_workers >= self.workers:
            raise ValueError(f"idle_workers must be less than workers ({self.workers})")
        if not (self.fallback or self.scripts):
            raise ValueError("fallback: without scripts, the front controller answers all requests: set scripts = true")
        return self
