"""Does a release fit into OPcache, and which setting is too small?"""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.gates import opcache

MIB = opcache.MIB
KEYS = {"own": 1978, "num_cached_keys": 1979, "max_cached_keys": 1979, "full": True}


def said(files: int = 4000, failed: int = 10, **changes: Any) -> dict[str, Any]:
    """The state of a PHP-FPM that compiled a release with room to spare, apart from the given changes."""
    found = {
        "enabled": True,
        "own": files - failed,
        "own_bytes": 64 * MIB,
        "used": 90 * MIB,
        "free": 38 * MIB,
        "wasted": 0,
        "full": False,
        "num_cached_keys": files,
        "max_cached_keys": 32531,
        "strings_size": 16 * MIB,
        "strings_free": 4 * MIB,
        "ini": {
            "opcache.memory_consumption": 128,
            "opcache.max_accelerated_files": 20000,
            "opcache.interned_strings_buffer": 16,
        },
    }
    compiled = {"files": files, "failed": failed, "first": "vendor/stub.php", "seconds": 3.14}
    return {"compile": compiled, "opcache": found | changes}


def test_a_release_that_fits() -> None:
    assert opcache.judge(said()) is None
    aside = "10 files that no request runs directly do not compile (vendor/stub.php)"
    assert opcache.detail(said()) == f"3990 files, 64.0 MiB, 3.1 s, {aside}"
    assert opcache.detail(said(failed=0)) == "4000 files, 64.0 MiB, 3.1 s"


def test_files_that_php_ini_excludes_are_no_lack_of_room() -> None:
    assert opcache.judge(said(own=10)) is None


def test_memory_is_proposed_by_what_the_cached_files_take() -> None:
    # 1000 files took 16 MiB; 3000 more take 48; with the 26 in use that is 74, and with a quarter more 92.5
    small = said(4000, 0, own=1000, own_bytes=16 * MIB, used=26 * MIB, free=MIB // 2, full=True)
    assert opcache.judge(small) == (
        "the release does not fit into OPcache (1000 of its 4000 PHP files are in OPcache): "
        "set opcache.memory_consumption = 96 (now 128) in the setting php.ini"
    )


def test_memory_that_no_file_fits_into() -> None:
    found = opcache.judge(said(4000, 0, own=0, own_bytes=0, used=8 * MIB, free=0, full=True))
    assert "set opcache.memory_consumption = " in str(found)


def test_one_large_file_that_does_not_fit_is_reason_enough() -> None:
    # by the average of the other files it would fit
    found = opcache.judge(said(4000, 0, own=3999, used=126 * MIB, free=2 * MIB, full=True))
    assert "set opcache.memory_consumption = 160 (now 128)" in str(found)


def test_keys() -> None:
    found = opcache.judge(said(4000, 0, **KEYS, used=32 * MIB, free=96 * MIB))
    assert "set opcache.max_accelerated_files = 6000 (now 20000)" in str(found)
    assert "memory" not in str(found)


def test_keys_and_the_memory_for_the_files_they_keep_out() -> None:
    short = said(4000, 0, **KEYS, used=100 * MIB, free=20 * MIB)
    assert "opcache.max_accelerated_files = 6000" in str(opcache.judge(short))
    # 100 in use, and 2022 more files of 33 KiB
    assert "opcache.memory_consumption = 208" in str(opcache.judge(short))


def test_interned_strings_are_doubled_and_their_memory_is_minded() -> None:
    assert opcache.judge(said(strings_free=MIB // 8)) == (
        "the release does not fit into OPcache (3990 of its 3990 PHP files are in OPcache): "
        "set opcache.interned_strings_buffer = 32 (now 16) in the setting php.ini"
    )
    tight = opcache.judge(said(strings_free=0, used=120 * MIB, free=8 * MIB))
    assert "opcache.interned_strings_buffer = 32 (now 16), opcache.memory_consumption = 176 (now 128)" in str(tight)


@pytest.mark.parametrize("changes", [{"opcache": {"enabled": False}}, {"compile": None}])
def test_without_opcache_or_files_there_is_nothing_to_judge(changes: dict[str, Any]) -> None:
    assert opcache.judge(said() | changes) is None
    assert opcache.detail(said() | changes) == ("OPcache is off" if "opcache" in changes else "")


@pytest.mark.parametrize("failed", [0, 3])
def test_where_no_file_was_compiled_there_is_nothing_to_judge(failed: int) -> None:
    nothing = said(failed, failed, own=0, own_bytes=0, num_cached_keys=1)
    assert opcache.judge(nothing) is None
    told = "0 files, 0.0 MiB, 3.1 s, 3 files that no request runs directly do not compile (vendor/stub.php)"
    assert opcache.detail(nothing) == (told if failed else "php.compile names no directory with a PHP file")


FRONT = {"file": "public/index.php", "why": 'syntax error, unexpected token "}" on line 7'}


@pytest.mark.parametrize(
    ("files", "more"),
    [
        ([FRONT], ""),
        ([FRONT, {"file": "public/a/b.php", "why": "x"}], "; 1 more files do not compile (public/a/b.php)"),
    ],
)
def test_a_file_that_requests_run_is_named_with_its_error(files: list[dict[str, str]], more: str) -> None:
    found = said(4000, len(files))
    found["compile"] |= {"broken": files, "first": None}
    assert opcache.broken(found) == (
        "public/index.php does not compile, so requests for it answer status 500: syntax error, unexpected token "
        f'"}}" on line 7{more}'
    )
    assert opcache.detail(found) == f"{4000 - len(files)} files, 64.0 MiB, 3.1 s"


@pytest.mark.parametrize("found", [said(), said() | {"compile": None}])
def test_files_that_no_request_runs_are_no_warning(found: dict[str, Any]) -> None:
    assert opcache.broken(found) is None
