"""Names of versions: git's own rules, asked of git itself, and the message for each name that is refused."""

from __future__ import annotations

import random
import subprocess

import pytest

from orchestrator.config import load
from orchestrator.config.ref import fault
from orchestrator.errors import UsageError
from orchestrator.facts.revision import check_ref

from .test_settings import raw

VALID = [
    "v1",
    "feature/#123-login",
    "fix/ünïcode",
    "feat/a&b",
    "release(1)",
    "@babel",
    "a@b",
    "1.2.3+4",
    "a{b}",
    "$x;'\"",
]


@pytest.mark.parametrize("ref", VALID)
def test_names_that_git_permits(ref: str) -> None:
    assert check_ref(ref) == ref
    assert load(raw(source={"origin": "x", "ref": ref})).source.ref == ref  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("", "it is empty"),
        ("a b", "it contains a space"),
        ("HEAD~1", "it contains ~"),
        ("a^", r"it contains \^"),
        ("a:b", "it contains :"),
        ("a?", r"it contains \?"),
        ("v*", r"it contains \*"),
        ("a[1]", r"it contains \["),
        ("a\\b", "it contains a backslash"),
        ("a\nb", r"it contains a character that is not visible \(U\+000A\)"),
        ("a\x7f", r"it contains a character that is not visible \(U\+007F\)"),
        ("a\u202eb", r"it contains a character that is not visible \(U\+202E\)"),
        ("/a", "it begins or ends with /, or contains //"),
        ("a/", "it begins or ends with /, or contains //"),
        ("a//b", "it begins or ends with /, or contains //"),
        ("--upload-pack=x", "it begins with -"),
        (".a", "it begins with a dot, or has a dot directly after a /"),
        ("a/.b", "it begins with a dot, or has a dot directly after a /"),
        ("a.lock", "it ends with .lock, or has .lock directly before a /"),
        ("a.lock/b", "it ends with .lock, or has .lock directly before a /"),
        ("a.", "it ends with a dot"),
        ("a..b", r"it contains \.\."),
        ("a@{1}", "it contains @{"),
        ("@", "it is only the character @"),
    ],
)
def test_a_name_that_git_refuses_is_refused_with_the_rule(ref: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"cannot be the name of a branch, tag or commit in git: {why}$"):
        check_ref(ref)
    if ref == ref.strip() and ref:
        with pytest.raises(UsageError, match=rf"^settings: source\.ref: (.*: {why}|the text must not contain .*)$"):
            load(raw(source={"origin": "x", "ref": ref}))


@pytest.mark.exhaustive
def test_the_rules_are_git_s() -> None:
    draw = random.Random(14)
    names = {"".join(draw.choices("ab./-@{}~^:?*[\\ #&()ü", k=draw.randint(1, 5))) for _ in range(400)}
    names |= {f"{name}.lock" for name in list(names)[:20]}
    for name in sorted(names):
        # `--branch` would also expand @{-1}, which is no name
        command = ["git", "check-ref-format", f"refs/heads/{name}"]
        valid = (
            subprocess.run(command, capture_output=True).returncode == 0 and not name.startswith("-") and name != "@"
        )
        assert (fault(name) is None) is valid, name
