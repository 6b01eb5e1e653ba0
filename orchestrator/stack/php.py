"""Make the configuration of a color's PHP-FPM from the settings. All functions are pure."""

from __future__ import annotations

import re

from orchestrator.config import Settings
from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.stack.render import NOTICE, render

DEFAULTS = {
    "opcache.enable": "1",
    "opcache.validate_timestamps": "0",
    # by default, PHP does not cache files that are younger than two seconds, such as the files of a new release
    "opcache.file_update_protection": "0",
    "opcache.memory_consumption": "128",
    "opcache.interned_strings_buffer": "16",
    "opcache.max_accelerated_files": "20000",
}

# Debian's cron job removes old sessions only from Debian's own directory, and Debian's PHP removes no sessions itself.
# Therefore these values let PHP remove old sessions.
SESSION_DEFAULTS = {"session.save_handler": "files", "session.gc_probability": "1", "session.gc_divisor": "1000"}


def files(settings: Settings) -> dict[str, str]:
    """Return the files of a release that configure PHP-FPM: name of the file -> text of the file.

    A release may run in either color, so there are files for both colors. Raises UsageError if a value of the setting
    ``php.ini`` cannot stand in a php.ini file.
    """
    php = settings.php
    found = {"php-version": f"{php.version}\n"}
    for color in Color:
        found[f"fpm-{color}.conf"] = fpm_conf(settings, color, php.workers)
        if php.idle_workers is not None:
            found[f"fpm-{color}-idle.conf"] = fpm_conf(settings, color, php.idle_workers)
        found[f"php-{color}/99-orchestrator.ini"] = php_ini(settings, color)
    if php.preload:
        found["preload.php"] = render("preload.php.j2", preload=php.preload)
    if _has_shared(settings):
        found["opcache-blacklist"] = opcache_blacklist(settings)
    return found


def fpm_conf(settings: Settings, color: Color, workers: int) -> str:
    """Return the text of the configuration of a color's PHP-FPM: the master process and its only pool.

    + workers: number of workers of the pool. 0 is for a color without a release: its pool starts one worker when a
      request arrives.
    """
    return render(
        "php-fpm.conf.j2",
        app=settings.name,
        color=color.value,
        user=settings.user,
        socket=settings.node.socket(color),
        workers=workers,
        request_limit=settings.php.request_limit if workers else 0,
    )


def php_ini(settings: Settings, color: Color) -> str:
    """Return the text of a color's php.ini file.

    The file has the values that this tool needs, and the values of the setting ``php.ini``. If both have a value of the
    same name, the value of the setting is used. Raises UsageError if a value of the setting cannot stand in the file.
    """
    stack = f"{settings.node.link(color)}/{settings.node.STACK}"
    sessions = {"session.save_path": settings.node.sessions, **SESSION_DEFAULTS}
    ours = {
        **DEFAULTS,
        **({"opcache.blacklist_filename": f"{stack}/opcache-blacklist"} if _has_shared(settings) else {}),
        **(sessions if settings.shared_sessions else {}),
        **({"opcache.preload": f"{stack}/preload.php"} if settings.php.preload else {}),
    }
    ini = {key: ini_value(key, value) for key, value in {**ours, **settings.php.ini}.items()}
    return render("php.ini.j2", color=color.value, ini=ini)


def _has_shared(settings: Settings) -> bool:
    return bool(settings.shared.directories or settings.shared.files)


def opcache_blacklist(settings: Settings) -> str:
    """Return the text of OPcache's blacklist, which lists the PHP files that OPcache does not cache: all shared files.

    When OPcache has cached a file, OPcache never reads this file again (``opcache.validate_timestamps`` is 0). The
    application may write shared files, such as its configuration, at any time. Both colors must then read the new file.
    """
    return f"; {NOTICE}\n{settings.node.shared}/\n"


def ini_value(key: str, value: str) -> str:
    """Return a value in the form for a php.ini file: constants and numbers unchanged, all other values in quotes.

    + key: name of the value, such as ``memory_limit``

    Raises UsageError if the key or the value cannot stand in a php.ini file.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
        raise UsageError(f"settings: php.ini: {key!r} is not the name of a php.ini value")
    if re.search(r"[\"\n\r\0]|\$\{", value):
        raise UsageError(f'settings: php.ini: {key} must not contain ", a line break or ${{')
    return value if re.fullmatch(r"[A-Z0-9_ &|~^()-]+", value) else f'"{value}"'
