"""Rules about the path of requests: markers, switches, preview, probe, weights and batches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.config.switch import BalancerSwitch
from orchestrator.probe.url import read

if TYPE_CHECKING:
    from orchestrator.config.settings import Settings


def marked_answers_need_a_token(settings: Settings) -> str | None:
    """Return an error message if only answers to the probe have the marker, but the probe token is missing; else None.

    The marker consists of the headers X-Release, X-Color and X-Node. nginx recognizes requests of the probe by the
    token.
    """
    if settings.marker.answers == "probe" and not settings.token:
        return 'marker.token is missing, so no release can be verified: set marker.token, or marker.answers = "all"'
    return None


def groups_are_distinct(settings: Settings) -> str | None:
    """Return an error message if two switches, or a switch and the nodes, have the same inventory group; else None."""
    groups = [switch.group for switch in settings.switches if isinstance(switch, BalancerSwitch)]
    for group in groups:
        if group == settings.nodes:
            return f"nodes: the group {group} is also the group of a switch: use a different inventory group for each"
        if groups.count(group) > 1:
            return f"switches: two switches have the group {group}: use a different inventory group for each switch"
    return None


def firewall_knows_the_switches(settings: Settings) -> str | None:
    """Return an error message if the firewall would refuse the requests of a switch behind an API, otherwise None.

    This tool does not know the addresses from which such a switch sends its requests.
    """
    if settings.firewall.enabled and settings.has_unknown_sources and not settings.firewall.allow:
        return (
            "firewall.enabled: a switch behind an API sends requests from addresses that this tool does not know: name "
            "their networks in firewall.allow, or remove firewall.enabled"
        )
    return None


def switches_can_show_a_page(settings: Settings) -> str | None:
    """Return an error message if the settings have maintenance, but a switch cannot show the page; else None."""
    cannot = [switch.kind for switch in settings.switches if not switch.has_page]
    if settings.maintenance and cannot:
        return (
            f"maintenance: a switch of kind {cannot[0]} cannot show a page: remove maintenance, or use a switch of "
            "kind haproxy or nginx"
        )
    return None


def maintenance_lets_the_probe_pass(settings: Settings) -> str | None:
    """Return an error message if the settings have maintenance, but no probe token, otherwise None.

    The stage `verify` and the probe send the token, and so get the application's answers and not the page.
    """
    if settings.maintenance and not settings.token:
        return "maintenance: marker.token is missing, so no release can be verified behind the page: set marker.token"
    return None


def preview_port_is_free(settings: Settings) -> str | None:
    """Return an error message if the preview port is also a port on which a balancer answers users, otherwise None."""
    for switch in settings.switches:
        if isinstance(switch, BalancerSwitch) and settings.preview.port in switch.listens:
            return (
                f"preview.port: the switch of kind {switch.kind} answers users on port {settings.preview.port}: choose "
                "another port"
            )
    return None


def http2_needs_https(settings: Settings) -> str | None:
    """Return an error message if the probe uses HTTP/2, but a URL of a switch is not https; otherwise None."""
    plain = [url for switch in settings.switches for url in switch.urls if not url.startswith("https://")]
    if settings.probe.http2 and plain:
        return f"probe.http2: HTTP/2 needs https, but {plain[0]} is an http URL: change the URL, or remove http2"
    return None


def urls_have_no_path(settings: Settings) -> str | None:
    """Return an error message if the probe is on, and a URL of a switch has a path or a query; otherwise None.

    The probe requests the paths in ``probe.paths`` from each URL.
    """
    for url in (url for switch in settings.switches for url in switch.urls):
        if settings.probe.enabled and (path := read(url).path) not in ("", "/"):
            return (
                f"switches: the URL {url} has the path {path}: remove the path, because the probe requests the paths "
                "in probe.paths"
            )
    return None


def users_are_distinct(settings: Settings) -> str | None:
    """Return an error message if the deploy user is also the user of the application, otherwise None.

    The deploy user owns the code, and has the ``sudo`` rights that releases need. An attacker who breaks into the
    application must not get the rights of the deploy user.
    """
    if settings.user == settings.web_user:
        return (
            f"web_user: {settings.user} is also the deploy user (user), which owns the code and starts the colors: "
            "name another user, such as www-data"
        )
    return None


def cookies_are_distinct(settings: Settings) -> str | None:
    """Return an error message if two purposes have the same cookie, otherwise None.

    The purposes are: the preview, the testers during maintenance, the stickiness of a balancer, the split of clients,
    and PHP's session. PHP's session may identify the client for the split.
    """
    preview = settings.preview.cookie if settings.preview_token else ""
    session = settings.php.ini.get("session.name", "PHPSESSID") if settings.runtime == "php" else ""
    if preview and preview == session:
        return f"preview.cookie: {session} is the cookie of PHP's session: choose another name"
    testers = settings.maintenance.cookie if settings.maintenance and settings.maintenance_token else ""
    if testers and testers in (preview, session):
        whose = "the preview (preview.cookie)" if testers == preview else "PHP's session"
        return f"maintenance.cookie: {testers} is the cookie of {whose}: choose another name"
    for number, switch in enumerate(settings.switches):
        if not isinstance(switch, BalancerSwitch):
            continue
        sticky, split = switch.sticky.cookie if switch.sticky else "", switch.split_cookie
        tokens = ((preview, "the preview (preview.cookie)"), (testers, "the testers (maintenance.cookie)"))
        for name, purpose in ((session, "PHP's session"), *tokens):
            if sticky and sticky == name:
                return f"switches.{number}.sticky.cookie: {sticky} is the cookie of {purpose}: choose another name"
        for name, purpose in ((sticky, "sticky.cookie"), *tokens):
            if split and split == name:
                return (
                    f"switches.{number}.split_cookie: {split} is the cookie of {purpose}, which is the same for many "
                    "clients: name a cookie that identifies each client, such as PHPSESSID"
                )
    return None


def weights_rise_to_100(settings: Settings) -> str | None:
    """Return an error message if the weights of the cutover are wrong, otherwise None.

    The weights must rise, and the last weight must be 100. If a switch cannot split traffic, 100 must be the only
    weight.
    """
    weights = [step.weight for step in settings.cutover]
    if weights != sorted(set(weights)) or weights[-1] != 100:
        return f"cutover: the weights are {weights}: the weights must rise and end with 100"
    whole = [switch.kind for switch in settings.switches if not switch.weighted]
    if whole and weights != [100]:
        return f"cutover: a switch of kind {whole[0]} moves all traffic at once: use one step, with weight 100"
    return None


def batches_end_with_all_nodes(settings: Settings) -> str | None:
    """Return an error message if the batches are wrong, otherwise None.

    Each batch must be a number of nodes or a percentage, and the last batch must be ``100%``.
    """
    for size in settings.batches:
        if not re.fullmatch(r"[1-9]\d*|(100|[1-9]?\d(\.\d+)?)%", str(size)):
            return f'batches: {size!r} is not a batch: give a number of nodes (3) or a percentage ("25%")'
    if settings.batches and settings.batches[-1] != "100%":
        return f'batches: the last batch is {settings.batches[-1]!r}, not all nodes: end with "100%"'
    return None
