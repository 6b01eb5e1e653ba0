"""Sources: the kinds, the refusals with their messages, and the secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.config.source import ArchiveSource, GitSource, shown
from orchestrator.errors import UsageError
from orchestrator.mask import Mask

from .test_settings import raw

SUM = "a" * 64
URL = "https://user:hush-hush@files.test:8443/shop-{ref}.tar.gz?X-Amz-Signature=hidden"


def archive(**changes: Any) -> dict[str, Any]:
    return {"kind": "archive", "url": URL, "sha256": SUM} | changes


def test_git_is_the_default_kind_of_source() -> None:
    source = load(raw()).source
    assert isinstance(source, GitSource)
    assert load(raw(source={**raw()["source"], "kind": "git"})).source == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "svn"}, "source: there is no kind 'svn' of source"),
        ({"kind": "git", "url": "https://a.test/x"}, "source.origin: this key is missing"),
        (
            {"origin": "ssh://a:hush@b.test/x.git"},
            "source.origin: the URL has a password, which only http and https use",
        ),
        (
            {"origin": "https://user:hush/hush@b.test/x.git"},
            "source.origin: the URL has an @ after its host: if",
        ),
        ({"origin": "https://user:hush?hush@b.test/x.git"}, "source.origin: the URL has an @ after its host"),
        ({"origin": "https://user:hush#hush@b.test/x.git"}, "source.origin: the URL has an @ after its host"),
        ({"origin": "https://user:12/hush@b.test/x.git"}, "source.origin: the URL has an @ after its host"),
        ({"origin": "https://hush/hush@b.test/x.git"}, "source.origin: the URL has an @ after its host"),
        ({"origin": "ssh://git:hush/hush@b.test/x.git"}, "source.origin: the URL has an @ after its host"),
        (archive(url="https://user:hush/hush@b.test/x"), "source.url: the URL has an @ after its host"),
        (archive(url="s3://user:hush/hush@b.test/x"), "source.url: the URL has an @ after its host"),
        (archive(url="https://user:12/hush@b.test/x"), "source.url: the URL has an @ after its host"),
        ({"origin": "x", "leav_out": []}, r"unknown key source.leav_out \(did you mean leave_out\?\)"),
        ({"origin": "x", "leave_out": ["../x"]}, "source.leave_out.0: '../x' is not a path inside a release"),
        (archive(urll=1), r"unknown key source.urll \(did you mean url\?\)"),
        (archive(leave_out=[]), r"unknown key source.leave_out$"),
        (archive(file="x.tar"), "source: an archive is either at a URL or in a file"),
        (archive(url=None), "source: an archive is either at a URL or in a file"),
        (
            archive(url="ftp://a.test/x"),
            "source.url: the URL must be https://host/path, http://host/path or s3://bucket/key",
        ),
        (archive(url="https:///x"), "source.url: the URL must be https://host/path"),
        (archive(url="https://a.test/x\ny"), "source.url: the text must not contain a line break"),
        (archive(sha256="A" * 64), "source.sha256: "),
        (archive(strip=-1), "source.strip: "),
        ({"kind": "artifact"}, "source: an artifact is either a tarball at a URL or a checkout"),
        ({"kind": "directory", "path": ".", "ref": "v1"}, "unknown key source.ref"),
        (
            {"kind": "artifact", "url": "https://a.test/x.tar", "submodules": True},
            "source: submodules and lfs have an effect only with checkout",
        ),
        ({"kind": "directory", "path": ".", "lfs": True}, "unknown key source.lfs"),
        (archive(submodules=True), "unknown key source.submodules"),
    ],
)
def test_bad_sources_are_refused_in_one_line(source: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        load(raw(source=source))
    assert "\n" not in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        archive(url="https://cdn.test/shop@1.2/x.tar"),
        archive(url="https://cdn.test/x.tar?mail=a@b.test"),
        archive(url="https://user:hush%2Fhush@files.test:8443/@shop/x.tar"),
        {"origin": "https://user:hush%2Fhush@b.test/x.git"},
        {"origin": "git@host:shop@2.git"},
        {"origin": "/srv/git@old/shop.git"},
    ],
)
def test_an_at_that_is_no_login_is_accepted(source: dict[str, Any]) -> None:
    assert load(raw(source=source))


def test_a_url_is_recorded_without_its_secrets() -> None:
    settings = load(raw(source=archive()))
    assert isinstance(settings.source, ArchiveSource)
    assert settings.source.address == URL
    for text in (repr(settings), json.dumps(settings.model_dump(mode="json"))):
        assert "hush-hush" not in text
        assert "hidden" not in text
    assert settings.model_dump(mode="json")["source"]["url"] == "https://files.test:8443/shop-{ref}.tar.gz"
    told = Mask(settings).hide("curl: user:hush-hush, hush-hush, X-Amz-Signature=hidden")
    assert told == "curl: ***, ***, ***"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("s3://bucket/a/b.tar", "s3://bucket/a/b.tar"),
        ("http://[2001:db8::1]:80/x?y#z", "http://[2001:db8::1]:80/x"),
        ("https://a@b:c@d.test/x", "https://d.test/x"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, safe: str) -> None:
    assert shown(url) == safe


@pytest.mark.parametrize(
    ("origin", "address", "login"),
    [
        ("git@host:shop.git", "git@host:shop.git", ""),
        ("ssh://git@host:2222/shop.git", "ssh://git@host:2222/shop.git", ""),
        ("/srv/git/shop.git", "/srv/git/shop.git", ""),
        ("https://host/shop.git", "https://host/shop.git", ""),
        ("https://user:p%40ss-word@host/shop.git", "https://host/shop.git", "user\np@ss-word\n"),
        ("https://a-token@host/shop.git", "https://host/shop.git", "a-token\n\n"),
    ],
)
def test_the_password_of_an_origin_goes_another_way(origin: str, address: str, login: str) -> None:
    settings = load(raw(source={"origin": origin}))
    assert isinstance(settings.source, GitSource)
    assert (settings.source.address, settings.source.login) == (address, login)
    assert settings.model_dump(mode="json")["source"]["origin"] == address
    assert Mask(settings).hide("p%40ss-word p@ss-word a-token") == (
        "p%40ss-word p@ss-word a-token"
        if not login
        else "*** *** a-token"
        if "user" in login
        else "p%40ss-word p@ss-word ***"
    )


@pytest.mark.parametrize(
    ("url", "ref", "address"),
    [
        ("https://a.test/{ref}.tar?x={ref}", "1.4.2+b@c/d", "https://a.test/1.4.2+b@c/d.tar?x=1.4.2+b@c/d"),
        ("https://a.test/{ref}.tar", "fix/#1&ü(2)%41", "https://a.test/fix/%231%26%C3%BC%282%29%2541.tar"),
        ("s3://builds/{ref}.tar", "fix/#1&ü(2)", "s3://builds/fix/#1&ü(2).tar"),
    ],
)
def test_a_version_in_a_url_is_encoded(url: str, ref: str, address: str) -> None:
    source = load(raw(source=archive(url=url))).source
    assert isinstance(source, ArchiveSource)
    assert source.address_of(ref) == address


def test_shared_paths_and_the_environment_are_left_out() -> None:
    settings = load(
        raw(
            source={"origin": "x", "leave_out": ["public/build", "storage"]},
            shared={"directories": ["storage"], "files": ["auth.json"]},
            environment={"values": {"KEY": "v"}},
        )
    )
    assert settings.left_out == ["public/build", "storage", "auth.json", ".env"]


def test_a_new_instance_gets_nothing_but_git_by_itself() -> None:
    scaling = {"group": "shop", "live": "s3://deploys/live.json", "hook": "catch-up"}
    load(raw(scaling=scaling))
    with pytest.raises(
        UsageError,
        match="a new instance can fetch a release only from a source of kind git",
    ):
        load(raw(scaling=scaling, source=archive()))
    with pytest.raises(UsageError, match=r"scaling.hook: a new instance has no password for source.origin"):
        load(raw(scaling=scaling, source={"origin": "https://user:hush-hush@host/shop.git"}))


def test_steps_on_the_operator_s_machine_need_a_pushed_source() -> None:
    step = {"name": "assets", "run": "make", "on": "operator", "inputs": ["*.css"], "outputs": ["build"]}
    load(raw(build=[step], source={"kind": "artifact", "checkout": "."}))
    load(raw(build=[step], source={"kind": "directory", "path": "."}))
    for source in (raw()["source"], archive(), {"kind": "artifact", "url": URL, "sha256": SUM}):
        with pytest.raises(
            UsageError,
            match=r"build.assets: the step runs on the operator's machine, and the nodes would not get its outputs",
        ):
            load(raw(build=[step], source=source))
