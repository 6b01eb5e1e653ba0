"""The rendered configuration of a color's PHP-FPM."""

from __future__ import annotations

import pytest

from orchestrator.errors import UsageError
from orchestrator.model import Color
from orchestrator.stack import php
from tests.provision.test_render import settings

STACK = "/srv/shop-x/{}/release/.release/stack"


@pytest.mark.parametrize("color", Color)
def test_an_fpm_belongs_to_its_color(color: Color) -> None:
    text = php.fpm_conf(settings(), color, 16)
    assert f"listen = /srv/shop-x/{color}/run/fpm.sock\n" in text
    assert f"[shop-x-{color}]" in text
    assert str(color.other) not in text
    assert "\npm = static\npm.max_children = 16\n" in text


def test_an_fpm_runs_as_the_web_user_and_answers_two_users() -> None:
    text = php.fpm_conf(settings(user="releaser"), Color.blue, 1)
    # only root could give workers and the socket to other users
    roots = ("user =", "group =", "listen.owner", "listen.group")
    assert not [line for line in text.splitlines() if line.startswith(roots)]
    assert "\nlisten.acl_users = releaser\n" in text


def test_an_fpm_without_a_release_has_one_worker_if_it_is_asked() -> None:
    text = php.fpm_conf(settings(), Color.blue, 0)
    assert "\npm = ondemand\npm.max_children = 1\n" in text
    assert "request_terminate_timeout" not in text


def test_a_release_has_its_version_of_php_and_both_colors() -> None:
    found = php.files(settings(php={"version": "8.4", "workers": 8}))
    assert found.pop("php-version") == "8.4\n"
    names = [name for color in Color for name in (f"fpm-{color}.conf", f"php-{color}/99-orchestrator.ini")]
    assert set(found) == set(names)
    more = php.files(settings(php={"workers": 8, "idle_workers": 2}))
    for color in Color:
        assert "\npm.max_children = 8\n" in more[f"fpm-{color}.conf"]
        assert "\npm.max_children = 2\n" in more[f"fpm-{color}-idle.conf"]


def test_new_files_are_cached_unless_the_settings_forbid_it() -> None:
    assert "\nopcache.file_update_protection = 0\n" in php.php_ini(settings(), Color.blue)
    late = settings(php={"ini": {"opcache.file_update_protection": "2"}})
    assert "\nopcache.file_update_protection = 2\n" in php.php_ini(late, Color.blue)


def test_a_release_is_preloaded_from_its_own_directory() -> None:
    assert "preload" not in php.php_ini(settings(), Color.blue)
    made = settings(php={"preload": "config/preload.php"})
    for color in Color:
        assert f'\nopcache.preload = "{STACK.format(color)}/preload.php"\n' in php.php_ini(made, color)
    # the file is two levels below the release
    assert "dirname(__DIR__, 2) . '/config/preload.php'" in php.files(made)["preload.php"]


@pytest.mark.parametrize("shared", [{"directories": ["data"]}, {"files": ["config.php"]}])
def test_shared_php_files_are_not_cached(shared: dict[str, list[str]]) -> None:
    assert "blacklist" not in php.php_ini(settings(), Color.blue)
    assert "opcache-blacklist" not in php.files(settings())
    made = settings(shared=shared)
    for color in Color:
        path = f"{STACK.format(color)}/opcache-blacklist"
        assert f'\nopcache.blacklist_filename = "{path}"\n' in php.php_ini(made, color)
    assert php.files(made)["opcache-blacklist"].splitlines()[1:] == ["/srv/shop-x/shared/"]


def test_the_operators_ini_values_win() -> None:
    given = {"opcache.memory_consumption": "256", "date.timezone": "UTC"}
    text = php.php_ini(settings(php={"ini": given}), Color.blue)
    assert "opcache.memory_consumption = 256\n" in text
    assert "opcache.memory_consumption = 128" not in text
    assert "opcache.validate_timestamps = 0\n" in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("128", "128"),
        ("256M", "256M"),
        ("E_ALL & ~E_DEPRECATED", "E_ALL & ~E_DEPRECATED"),
        ("Europe/Berlin", '"Europe/Berlin"'),
        ("a;b", '"a;b"'),
        ("", '""'),
    ],
)
def test_ini_values_are_quoted_where_they_must_be(value: str, written: str) -> None:
    assert php.ini_value("some.key", value) == written


@pytest.mark.parametrize(("key", "value"), [("k", 'a"b'), ("k", "a\nb"), ("k", "${HOME}"), ("a b", "1"), ("a=b", "1")])
def test_ini_values_that_could_break_the_file_are_refused(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=r"php\.ini"):
        php.ini_value(key, value)


def test_both_colors_read_the_same_sessions() -> None:
    made = [php.php_ini(settings(), color) for color in Color]
    assert all('session.save_path = "/srv/shop-x/shared/sessions"\n' in text for text in made)
    assert "session." not in php.php_ini(settings(php={"sessions": "php"}), Color.blue)
    own = php.php_ini(settings(php={"ini": {"session.save_handler": "redis"}}), Color.blue)
    assert 'session.save_handler = "redis"\n' in own
    assert '= "files"' not in own
