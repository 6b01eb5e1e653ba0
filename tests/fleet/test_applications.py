"""Real applications, each by the recipe for its kind: released, moved to the next version and back under traffic.

Laravel in make test, since it has everything a release can have, and the classic application, since nginx does most for
it; the others in make test-all. They have a fleet of their own, whose nodes and balancers are new ones for each
application; origin and database server stay.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import fleet as tool
import pytest

from orchestrator.probe.sample import Kind
from tests.fleet.pages import curl
from tests.fleet.running import Alone, Fleet
from tests.fleet.traffic import Answer, Questions, Traffic, ask, flawless

NODES = ("node1", "node2")
GETS = (Kind.keepalive, Kind.fresh)


@dataclass
class Application:
    """An application that is provisioned on the stage.

    + versions: release id -> the version that its code says it is
    + said: by the last release
    """

    name: str
    fleet: Fleet
    versions: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def do(self, verb: str, *data: str) -> str:
        """Run a verb. Returns its output."""
        words = [word for one in data for word in ("--data", one)]
        done = self.fleet.pyinfra(f"deploys/{verb}.py", "-y", *words, timeout=600, APP=self.name, SWITCH="haproxy")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def release(self, ref: str, version: str) -> str:
        """Release a version. Returns the id of the release."""
        self.said = self.do("release", f"ref={ref}")
        release = re.findall(r"^done: (\S+) \(", self.said, re.MULTILINE)[-1]
        self.versions[release] = version
        return str(release)

    def ask(self, path: str = "/") -> Answer:
        return ask(self.fleet.haproxy_url, path)

    def run(self, command: str, user: str = "") -> str:
        """Run a command in the live release of the first node. Returns its output.

        + user: empty for the web user
        """
        quoted, web = command.replace("'", "'\\''"), f"{self.name}-web"
        done = self.fleet.ssh("node1", f"cd /srv/{self.name}/live/release && sudo -n -u {user or web} sh -c '{quoted}'")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def stage(alone: Alone, docker_compose_command: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tool.Fleet]:
    """Two nodes, balancers, an origin and a database server."""
    directory, project = tmp_path_factory.mktemp("applications"), f"orchapps-{os.getpid()}"
    alone.acquire()
    try:
        tool.sweep()
        owner = tool.process(os.getpid())
        prepared = tool.prepare(directory, len(NODES), project, owner, apps=["laravel"], mariadb=True)
        tool.start(prepared)
    finally:
        alone.release()
    yield prepared
    tool.down(directory, project)


@pytest.fixture(scope="module")
def on_stage(stage: tool.Fleet) -> Callable[[str], Application]:
    """``on_stage(name)`` provisions an application on servers that had none before."""
    there: list[Application] = []

    def put(name: str) -> Application:
        if there and there[-1].name == name:
            return there[-1]
        if there:
            tool.renew(stage, [*NODES, *tool.BALANCERS])
        only = replace(stage, apps=(name,))
        tool.finish(only)
        known = json.loads((stage.directory / "fleet.json").read_text())
        there.append(Application(name, Fleet(stage.project, stage.directory, known, tool.variables(only))))
        there[-1].do("provision")
        return there[-1]

    return put


def version_of(answer: Answer) -> str:
    """The version that a page or a JSON answer names."""
    if "json" in answer.headers["content-type"]:
        return str(answer.body["version"])
    return str(re.findall(r'data-version="(\w+)"', answer.text)[0])


def loaded(url: str, tmp_path: Path, mix: tuple[Kind, ...] = tuple(Kind)) -> Traffic:
    """Every kind of request, at a rate that small servers can answer while they build and warm a release."""
    return Traffic([url], tmp_path / "samples", connections=8, rate=20.0, mix=mix, slow_seconds=1.0)


def released(application: Application, tmp_path: Path, mix: tuple[Kind, ...] = tuple(Kind)) -> None:
    """Release v1, then under traffic v2, v1 and v2 again. No request fails; each page is of the release it names."""
    application.release("v1", "v1")
    url = application.fleet.haproxy_url
    assert version_of(application.ask()) == "v1"
    # sessions are files of a node
    node = application.fleet.nodes[0]["live_url"]
    login = sent(node, "/login", {"name": "ada"}) if application.name in ("laravel", "symfony") else None
    with (
        loaded(url, tmp_path, mix) as traffic,
        Questions([url], each=2, pause=0.1) as questions,
    ):
        application.release("v2", "v2")
        application.do("rollback")
        application.do("rollback")
        report = traffic.stop()
    print(f"{report.totals.requests} requests, {report.totals.failed} failed, and {len(questions.answers)} pages")
    flawless(report)
    assert set(report.totals.kinds) == set(mix)
    seen = set()
    for answer in questions.answers:
        assert answer.status == 200, answer.error
        assert application.versions[answer.headers["x-release"]] == version_of(answer)
        seen.add(version_of(answer))
    assert seen == {"v1", "v2"}
    assert version_of(application.ask()) == "v2"
    if login:
        status, _, text = sent(node, "/me", cookies=login[1])
        said = json.loads(text)
        assert (status, said["name"], said["logged_in_at"], said["version"]) == (200, "ada", "v1", "v2")


def healthy(application: Application, *parts: str) -> None:
    said = application.ask("/health").body
    assert [said[part] for part in parts] == ["ok"] * len(parts)


@pytest.mark.slow
def test_laravel(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    laravel = on_stage("laravel")
    released(laravel, tmp_path)
    assert re.search(r"build composer +\S+ s .*taken over from", laravel.said)
    assert int(laravel.run("find vendor -name '*.php' | wc -l")) >= 3000
    healthy(laravel, "storage", "database")

    # files that a console command makes stay in the release
    assert laravel.run("ls storage/framework/views/*.php bootstrap/cache/config.php bootstrap/cache/routes-*.php")
    assert laravel.run("find /srv/laravel/shared -name '*.php'", "root") == ""

    # workers and the scheduler follow the live release
    assert sent(laravel.fleet.haproxy_url, "/work", {"word": "queued"})[0] == 200
    assert "Processed:" in laravel.run("php artisan queue:work --once --no-ansi")
    release = laravel.run("pwd -P").rpartition("/")[2]
    assert laravel.run("tail -n 1 storage/app/worked") == f"queued v2 {release}"
    laravel.run("php artisan schedule:run")
    assert laravel.run("tail -n 1 storage/app/scheduled | cut -d' ' -f2-") == f"v2 {release}"


@pytest.mark.slow
def test_only_steps_with_changed_inputs_run(on_stage: Callable[[str], Application]) -> None:
    laravel = on_stage("laravel")
    laravel.release("v2", "v2")
    old = re.findall(r'href="(/build/app-\w+\.css)"', laravel.ask().text)
    laravel.release("assets2", "v2")
    new = re.findall(r'href="(/build/app-\w+\.css)"', laravel.ask().text)
    assert old != new
    assert [laravel.ask(path).status for path in (*old, *new)] == [200, 200]
    assert re.search(r"build composer +\S+ s .*taken over from", laravel.said)
    assert not re.search(r"build assets +\S+ s .*taken over from", laravel.said)
    laravel.release("view2", "v2")
    assert "view 2" in laravel.ask().text
    laravel.do("rollback")
    assert "view 1" in laravel.ask().text
    laravel.release("deps2", "v2")
    assert not re.search(r"build composer +\S+ s .*taken over from", laravel.said)
    assert laravel.run("ls vendor/symfony/yaml/Yaml.php")


@pytest.mark.slow
def test_laravel_twenty_times(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    laravel = on_stage("laravel")
    laravel.release("v1", "v1")
    url = laravel.fleet.haproxy_url
    with (
        loaded(url, tmp_path) as traffic,
        Questions([url], each=2, pause=0.1) as questions,
    ):
        for _ in range(5):
            laravel.release("v2", "v2")
            laravel.do("rollback")
            laravel.release("view2", "v2")
            laravel.do("rollback")
        report = traffic.stop()
    print(f"{report.totals.requests} requests, {report.totals.failed} failed, and {len(questions.answers)} pages")
    flawless(report)
    for answer in questions.answers:
        assert answer.status == 200, answer.error
        assert laravel.versions[answer.headers["x-release"]] == version_of(answer)


@pytest.mark.slow
def test_symfony(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    symfony = on_stage("symfony")
    released(symfony, tmp_path)
    healthy(symfony, "storage", "database")
    assert symfony.run("ls -d $(pwd -P)/var/cache/prod/Container*")
    # the build began the log, and the application continues it
    assert [symfony.ask("/nothing").status for _ in range(4)] == [404] * 4
    for node in NODES:
        assert "No route found" in symfony.fleet.ssh(node, "cat /srv/symfony/shared/var/log/prod.log").stdout


@pytest.mark.slow
def test_wordpress(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    wordpress = on_stage("wordpress")
    released(wordpress, tmp_path)
    healthy(wordpress, "storage", "database")
    assert "Welcome to WordPress" in wordpress.ask("/hello-world/").text
    # wp-includes/formatting.php and wp-admin/includes/noop.php declare functions of the same names
    assert "does not compile" not in wordpress.said

    # its own scripts are run when they are asked for by name, and an administrator gets in
    environment = wordpress.fleet.known["apps"]["wordpress"]["environment"]
    url = wordpress.fleet.haproxy_url
    form = {"log": "admin", "pwd": environment["ADMIN_PASSWORD"], "testcookie": "1"}
    status, cookies, _ = sent(url, "/wp-login.php", form, {"wordpress_test_cookie": "WP%20Cookie%20check"})
    assert status == 302
    status, _, text = sent(url, "/wp-admin/", cookies=cookies)
    assert (status, "Dashboard" in text) == (200, True)

    # no uploaded file is run, and no configuration is sent
    for node in NODES:
        script = "/srv/wordpress/shared/wp-content/uploads/x.php"
        assert wordpress.fleet.ssh(node, f'echo \'<?php echo "it " . "ran";\' >{script}').returncode == 0
    for path in ("/wp-content/uploads/x.php", "/.env", "/.release/environment"):
        answer = wordpress.ask(path)
        assert answer.status in (301, 404)
        assert "it ran" not in answer.text
        assert environment["DB_PASSWORD"] not in answer.text


@pytest.mark.slow
def test_plain_php(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    plain = on_stage("plain")
    released(plain, tmp_path)
    healthy(plain, "storage")
    assert plain.ask("/lib/version.php").status == 404


@pytest.mark.slow
def test_classic_php(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    classic = on_stage("classic")
    released(classic, tmp_path, GETS)
    for path, status, answered in CLASSIC:
        page = curl("--path-as-is", classic.fleet.haproxy_url + path)
        headers = page.headers or {}
        assert page.status == status, path
        assert headers["x-frame-options"] == "DENY", path
        assert answered in (page.text if status == 200 else headers.get("location", "")), path

    # the install wizard writes a PHP file and a database, which both colors read
    node = classic.fleet.nodes[0]
    colors = [node["blue_url"], node["green_url"]]
    for title in ("first", "second"):
        assert sent(node["live_url"], "/install/", {"title": title})[0] == 200
        assert [ask(url).body["title"] for url in colors] == [title] * 2
    assert ask(node["live_url"], "/api/items.php/add/pen").body["items"] == ["pen"]
    classic.do("rollback")
    back = ask(node["live_url"], "/api/items.php/list").body
    assert (back["version"], back["items"], back["path_info"]) == ("v1", ["pen"], "/list")
    assert ask(node["live_url"]).body["title"] == "second"
    for path in ("/data/db.sqlite", "/data/config.php"):
        assert ask(node["live_url"], path).status == 404, path

    # uploads are sent, and neither run nor hide anything
    upload = "cd /srv/classic/shared/uploads && echo photo >a.png && echo photo >.hidden && echo '<?php echo 1;' >x.php"
    assert classic.fleet.ssh(node["name"], upload).returncode == 0
    assert ask(node["live_url"], "/uploads/a.png").text == "photo\n"
    for path in ("/uploads/.hidden", "/uploads/x.php", "/uploads/x.php/y"):
        assert ask(node["live_url"], path).status == 404, path

    # built files of both releases are kept by browsers; what is missing is not
    for name, kept in (("app-3f9a1c70", True), ("app-b2d04e11", True), ("app-none", False)):
        page = curl(
            "-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-D", "-", f"{node['live_url']}/assets/{name}.css"
        )
        headers = page.headers or {}
        assert (page.status == 200) == kept, name
        assert headers.get("cache-control", "") == ("public, max-age=31536000, immutable" if kept else ""), name
        assert ("content-encoding" in headers) == kept, name
    body = tmp_path / "body"
    body.write_bytes(b"x" * 1_100_000)
    # without this header curl would get the status 100 first
    assert curl("-H", "Expect:", "--data-binary", f"@{body}", f"{node['live_url']}/").status == 413


CLASSIC = (
    ("/health.php", 200, '"storage":"ok"'),
    ("/admin/", 200, "admin"),
    ("/admin", 301, "/admin/"),
    ("/admin?a=b%20c", 301, "/admin/?a=b%20c"),
    ("//admin", 301, "/admin/"),
    ("/docs/", 200, "Manual"),
    ("/docs", 301, "/docs/"),
    ("/index.php/a%20b/c", 200, '"path_info":"\\/a b\\/c"'),
    ("/data", 404, ""),
    ("/data/.gitignore", 404, ""),
    ("/uploads/", 404, ""),
    ("/vendor/tool.php", 404, ""),
    ("/schema.SQL", 404, ""),
    ("/schema.sql", 404, ""),
    ("/.git/HEAD", 404, ""),
    ("/nothing", 404, ""),
    ("/nothing.php/x", 404, ""),
)
"""Paths of the application classic: the status, and a part of the page or of the address that a redirect names."""


@pytest.mark.slow
def test_an_application_knows_its_clients(on_stage: Callable[[str], Application]) -> None:
    classic = on_stage("classic")
    if not classic.versions:
        classic.release("v1", "v1")
    balancer = classic.fleet.known["balancers"]["haproxy"][0]
    lies = ("-H", "X-Forwarded-For: 192.0.2.1", "-H", "X-Forwarded-Proto: https")
    there = {"address": client(classic.fleet, "haproxy"), "https": None, "scheme": "http"}
    for words, url, wanted in (
        (("-k",), balancer["https_url"], there | {"https": "on", "scheme": "https"}),
        (("-k", *lies[:2]), balancer["https_url"], there | {"https": "on", "scheme": "https"}),
        (lies, balancer["url"], there),
    ):
        body = json.loads(curl(*words, f"{url}/").text)
        assert {key: body[key] for key in wanted} == wanted
        assert body["forwarded"] == wanted["address"]
    # a client that asks the node itself is not believed
    body = json.loads(curl(*lies, f"{classic.fleet.nodes[0]['live_url']}/").text)
    assert (body["address"], body["https"]) == (there["address"], None)


def client(fleet: Fleet, server: str) -> str:
    """The address from which a server of the fleet sees the clients of this machine."""
    return fleet.exec(server, "ip -4 route show default | cut -d' ' -f3").stdout.strip()


@pytest.mark.slow
def test_a_static_site(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    static = on_stage("static")
    released(static, tmp_path, GETS)
    assert static.ask("/css/site.css").headers["content-type"] == "text/css"
    assert static.ask("/nothing").status == 404
    assert "php" not in static.fleet.ssh("node1", "systemctl list-units 'static-*' --no-legend --plain").stdout


@pytest.mark.slow
def test_a_service_that_is_no_php(on_stage: Callable[[str], Application], tmp_path: Path) -> None:
    service = on_stage("service")
    released(service, tmp_path)
    said = service.ask("/health")
    assert said.body["release"] == said.headers["x-release"]
    assert said.body["color"] == said.headers["x-color"]
    assert "php" not in service.fleet.ssh("node1", "systemctl list-units 'service-*' --no-legend --plain").stdout


def sent(
    url: str, path: str, form: Mapping[str, str] | None = None, cookies: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """Status, all cookies from now on, and text of the answer to a form; without one, to a GET."""
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET" if form is None else "POST", path, urlencode(form or {}) or None, headers)
        answer = connection.getresponse()
        found = dict(cookies or {})
        for line in answer.headers.get_all("Set-Cookie") or ():
            found |= {name: morsel.coded_value for name, morsel in SimpleCookie(line).items()}
        return answer.status, found, answer.read().decode()
    finally:
        connection.close()
