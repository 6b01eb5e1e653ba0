"""The switch of kind alb on corrected moto: reading, changing and refusing."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from orchestrator.config import load
from orchestrator.errors import CannotTell, NotDone, UsageError
from orchestrator.model import Color, Weights
from orchestrator.switches.alb.cloudwatch import TooEarly
from orchestrator.switches.alb.switch import Alb
from tests.alb.conftest import MEMBERS, PORTS, Place, section
from tests.alb.control import INITIAL, Names, State

GREEN, BLUE = Weights(100), Weights(0)
SICK = State("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")


# --- see


def test_a_rule_as_it_must_be(place: Place) -> None:
    seen = place.switch().see()
    assert seen.weights == seen.kept == BLUE
    assert seen.in_flight is None
    assert seen.attached == {Color.blue, Color.green}
    assert seen.down == {Color.blue: (), Color.green: ()}
    assert (seen.out, seen.barred, seen.problems, seen.sticky) == ((), (), (), 0.0)
    assert place.control.calls == []


def test_targets_that_are_not_healthy_are_down(place: Place) -> None:
    place.health(Color.green, "web2", SICK)
    place.health(Color.green, "web3", INITIAL)
    assert place.switch().see().down == {Color.blue: (), Color.green: ("web2", "web3")}


def test_an_operator_who_deregisters_a_node_takes_it_out(place: Place) -> None:
    target = {"Id": MEMBERS["web2"], "Port": PORTS.blue}
    place.elb.deregister_targets(TargetGroupArn=place.names.blue, Targets=[target])
    seen = place.switch().see()
    assert seen.out == ("web2",)
    assert seen.down[Color.blue] == ("web2",)
    assert seen.problems == ()
    # after its drain delay the target is lost
    place.control.clock = lambda: time.monotonic() + 301
    seen = place.switch().see()
    assert seen.out == ()
    assert seen.problems == (
        f"blue: web2 ({MEMBERS['web2']}:8081) is not registered in web-blue: register {MEMBERS['web2']}",
    )


def test_a_target_that_no_node_has_is_a_problem(place: Place) -> None:
    members = {name: id for name, id in MEMBERS.items() if name != "web3"}
    problems = place.switch(members).see().problems
    assert [line.split(" is registered")[0] for line in problems] == [
        f"blue: {MEMBERS['web3']}:8081",
        f"green: {MEMBERS['web3']}:8082",
    ]


def test_stickiness_is_seen(place: Place) -> None:
    place.modify(place.forward(100, 0, sticky=90))
    assert place.switch().see().sticky == 90.0


def test_attributes_that_differ_are_a_problem(place: Place) -> None:
    place.attribute(Color.green, "deregistration_delay.timeout_seconds", "30")
    [line] = place.switch().see().problems
    assert line.startswith("attribute deregistration_delay.timeout_seconds is 300 in blue's target group and 30 in")


@pytest.mark.parametrize("shape", ["arn", "config", "both"])
def test_a_color_that_the_rule_does_not_name_is_detached(place: Place, shape: str) -> None:
    place.control.shape = shape
    place.modify(place.forward(None, 1))
    seen = place.switch().see()
    assert seen.attached == {Color.green}
    assert seen.weights == GREEN
    # no health check looks at it
    assert seen.down[Color.blue] == ("web1", "web2", "web3")


def test_a_rule_without_a_forward_action_is_refused(place: Place) -> None:
    place.modify({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}})
    with pytest.raises(CannotTell, match=r"^listener-rule/app/web/\w+/\w+/\w+: the rule has no forward actions"):
        place.switch().see()
    with pytest.raises(NotDone, match="the rule has no forward actions"):
        place.switch().shift(GREEN)


def test_the_default_rule_is_refused(place: Place) -> None:
    names = Names(**{**vars(place.names), "rule": place.names.default_rule})
    with pytest.raises(CannotTell, match="default rule, which ModifyRule refuses: make a separate rule"):
        Alb(section(names), MEMBERS, PORTS).see()


# --- arm and shift


def test_arming_sends_the_same_list_back(place: Place) -> None:
    before = place.rule()
    assert place.switch().arm(GREEN) == "accepts changes; the weights are blue 100, green 0"
    assert place.control.calls == ["modify_rule"]
    assert place.rule() == before


@pytest.mark.parametrize("weights", [Weights(100), Weights(10)])
def test_a_color_with_an_unhealthy_target_gets_no_traffic(place: Place, weights: Weights) -> None:
    place.health(Color.green, "web2", SICK)
    line = (
        r"^green must not get traffic: web2 \(10.77.0.12:8082\) is unhealthy "
        r"\(Target.ResponseCodeMismatch, Health checks failed with these codes: \[503\]\)$"
    )
    for refuse in (place.switch().arm, place.switch().shift):
        with pytest.raises(NotDone, match=line):
            refuse(weights)
    assert place.control.calls == []
    # a shift in the other direction is not affected
    place.switch().arm(BLUE)


def test_a_shift_back_ignores_unhealthy_targets(place: Place) -> None:
    place.modify(place.forward(0, 100))
    for node in MEMBERS:
        place.health(Color.blue, node, SICK)
    with pytest.raises(NotDone, match="blue must not get traffic"):
        place.switch().shift(BLUE)
    place.switch().arm(BLUE, back=True)
    assert place.switch().shift(BLUE, back=True) == "set to blue 100, green 0, and read back"
    assert place.shares() == {"blue": 100, "green": 0}


def test_a_shift_is_read_back(place: Place) -> None:
    switch = place.switch()
    for weight in (1, 25, 100, 0):
        assert switch.shift(Weights(weight)) == f"set to blue {100 - weight}, green {weight}, and read back"
        assert place.shares() == {"blue": 100 - weight, "green": weight}
        assert place.switch().see().weights == Weights(weight)


def test_a_shift_that_is_done_already_is_not_done_again(place: Place) -> None:
    place.switch().shift(GREEN)
    place.control.calls.clear()
    assert place.switch().shift(GREEN) == "the weights are blue 0, green 100 already"
    assert place.control.calls == []


def test_a_rule_that_does_not_take_the_weights_is_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = place.switch()
    monkeypatch.setattr("orchestrator.switches.alb.switch.SETTLE", 0.3)
    monkeypatch.setattr(switch._elb, "modify", lambda actions: None)
    with pytest.raises(NotDone, match="set to blue 0, green 100, but reads blue 100, green 0"):
        switch.shift(GREEN)


def test_a_read_back_that_is_late_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = place.switch()
    rule, late = switch._elb.rule, [place.rule()] * 3

    monkeypatch.setattr(switch._elb, "rule", lambda: late.pop() if late else rule())
    assert switch.shift(GREEN) == "set to blue 0, green 100, and read back"
    assert late == []


def test_a_rule_changed_since_arming_stops_the_shift(place: Place) -> None:
    switch = place.switch()
    switch.arm(GREEN)
    place.modify(place.forward(70, 30))
    with pytest.raises(
        NotDone, match="were blue 100, green 0 and are blue 70, green 30 now; find out which other program"
    ):
        switch.shift(GREEN)
    assert place.shares() == {"blue": 70, "green": 30}
    # a shift back is never refused
    switch.shift(BLUE, back=True)
    assert place.shares() == {"blue": 100, "green": 0}


@pytest.mark.parametrize("step", ["arm", "shift"])
def test_stickiness_turned_on_during_the_run_stops_it(place: Place, step: str) -> None:
    switch = place.switch()
    switch.see()
    if step == "shift":
        switch.arm(GREEN)
    place.modify(place.forward(100, 0, sticky=60))
    with pytest.raises(NotDone, match=r"stickiness of the action forward was off and is 60 s now; find out"):
        getattr(switch, step)(GREEN)
    assert place.shares() == {"blue": 100, "green": 0}
    assert place.control.calls == []
    # a shift back is never refused
    switch.shift(GREEN, back=True)


def test_any_other_change_of_the_actions_stops_the_shift(place: Place) -> None:
    oidc = {"Issuer": "https://id.test", "AuthorizationEndpoint": "https://id.test/a", "ClientId": "shop"}
    oidc |= {"TokenEndpoint": "https://id.test/t", "UserInfoEndpoint": "https://id.test/u", "ClientSecret": "hush"}
    switch = place.switch()
    switch.arm(GREEN)
    login = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc}
    place.modify(login, place.forward(100, 0) | {"Order": 2})
    with pytest.raises(NotDone, match="the actions were forward and are authenticate-oidc, forward now"):
        switch.shift(GREEN)
    switch.see()
    with pytest.raises(NotDone, match="the actions were"):
        switch.shift(GREEN)


def test_its_own_changes_are_no_changes_of_others(place: Place) -> None:
    place.modify(place.forward(100, 0, sticky=60))
    switch = place.switch()
    switch.see()
    for weight in (5, 100):
        switch.arm(Weights(weight))
        switch.shift(Weights(weight))
    switch.detach(Color.blue)
    switch.attach()
    switch.arm(BLUE)
    switch.shift(BLUE)


def test_a_shift_back_leaves_a_detached_idle_color_detached(place: Place) -> None:
    place.modify(place.forward(100, None))
    assert place.switch().shift(BLUE, back=True) == "the weights are blue 100, green detached already"
    assert place.control.calls == []


def requests(switch: Alb) -> list[str]:
    """The calls of AWS's API that a switch makes from now on."""
    sent: list[str] = []
    events = switch._elb._elb.meta.events
    events.register("before-call.elastic-load-balancing-v2", lambda model, **given: sent.append(model.name))
    return sent


def test_what_a_run_asks_again_and_again_is_one_request(place: Place) -> None:
    place.health(Color.green, "web2", SICK)
    switch = place.switch()
    sent = requests(switch)
    assert switch.unhealthy(Color.green) == ("web2",)
    assert sent == ["DescribeTargetHealth"]
    sent.clear()
    assert switch.see_weights().weights == BLUE
    assert sent == ["DescribeRules"]


def test_attaching_asks_only_for_the_health_while_it_waits(place: Place) -> None:
    place.modify(place.forward(None, 100))
    place.health(Color.blue, "web2", INITIAL)
    switch = place.switch()
    sent, waits = requests(switch), [0]

    def sleep(seconds: float) -> None:
        waits[0] += 1
        if waits[0] == 3:
            place.health(Color.blue, "web2", State("healthy"))

    switch.sleep = sleep
    switch.attach()
    after = sent[sent.index("DescribeTags") :]
    # the groups once, then one request each time
    assert after.count("DescribeTargetHealth") == 2 + 4
    assert set(after[after.index("DescribeTargetHealth") :]) <= {
        "DescribeTargetHealth",
        "DescribeTargetGroupAttributes",
    }


def test_the_rest_of_the_action_list_stays(place: Place) -> None:
    oidc = {
        "Issuer": "https://id.test",
        "AuthorizationEndpoint": "https://id.test/a",
        "TokenEndpoint": "https://id.test/t",
        "UserInfoEndpoint": "https://id.test/u",
        "ClientId": "shop",
        "ClientSecret": "hush",
    }
    place.modify(
        {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc},
        place.forward(100, 0, sticky=60) | {"Order": 2},
    )
    before = place.rule()
    switch = place.switch()
    switch.arm(GREEN)
    switch.shift(GREEN)
    after = place.rule()
    weights = [one.pop("Weight") for one in after["Actions"][1]["ForwardConfig"]["TargetGroups"]]
    for one in before["Actions"][1]["ForwardConfig"]["TargetGroups"]:
        one.pop("Weight")
    assert weights == [0, 100]
    assert after == before


# --- detach and attach


def test_a_color_with_traffic_is_not_detached(place: Place) -> None:
    with pytest.raises(NotDone, match="blue gets 100% of the traffic: shift the traffic first"):
        place.switch().detach(Color.blue)
    assert place.control.calls == []


@pytest.mark.parametrize("shape", ["config", "both"])
def test_detach_and_attach_keep_weights_and_stickiness(place: Place, shape: str) -> None:
    place.control.shape = shape
    place.modify(place.forward(0, 100, sticky=60))
    switch = place.switch()
    assert switch.detach(Color.blue) == "set to blue detached, green 100, and read back"
    assert place.shares() == {"green": 100}
    assert switch.detach(Color.blue) == "blue is detached already"
    with pytest.raises(
        NotDone,
        match="does not name blue's target group, so the health of blue is unknown: repeat the release or rollback",
    ):
        switch.arm(GREEN)
    said = switch.attach()
    assert said == "set to blue 0, green 100, and read back; 3 of 3 targets of blue are healthy"
    assert place.shares() == {"blue": 0, "green": 100}
    assert switch.see().sticky == 60
    assert switch.attach() == "both colors are attached already"


def test_stickiness_that_aws_drops_with_a_color_is_reported(place: Place) -> None:
    place.control.shape = "arn"
    place.modify(place.forward(0, 100, sticky=60))
    assert "AWS dropped the rule's stickiness of 60 s" in place.switch().detach(Color.blue)


def test_attach_waits_until_the_checks_know(place: Place) -> None:
    place.modify(place.forward(None, 100))
    place.health(Color.blue, "web1", SICK)
    place.health(Color.blue, "web2", INITIAL)
    switch = place.switch()
    switch.sleep = lambda seconds: place.health(Color.blue, "web2", State("healthy"))
    assert switch.attach().endswith("; 2 of 3 targets of blue are healthy, web1 is " + say(SICK))


def say(state: State) -> str:
    return f"{state.state} ({state.reason}, {state.description})"


def test_going_back_attaches_what_was_detached(place: Place) -> None:
    place.modify(place.forward(None, 100))
    with pytest.raises(NotDone, match="which attaches blue at its beginning"):
        place.switch().shift(BLUE)
    place.switch().shift(BLUE, back=True)
    assert place.shares() == {"blue": 100, "green": 0}


# --- bar


def test_a_barred_node_is_in_neither_group_and_no_problem(place: Place) -> None:
    assert place.switch().bar([MEMBERS["web2"]], out=True) == "10.77.0.12 deregistered"
    rest = {MEMBERS["web1"], MEMBERS["web3"]}
    assert place.registered(Color.blue) == {(id, 8081) for id in rest}
    assert place.registered(Color.green) == {(id, 8082) for id in rest}
    seen = place.switch().see()
    assert seen.barred == ("web2",)
    assert seen.down == {Color.blue: (), Color.green: ()}
    assert (seen.out, seen.problems) == ((), ())
    # the other nodes get traffic without it
    place.switch().shift(GREEN)
    # a second time does no harm
    place.switch().bar(["web2"], out=True)
    assert place.switch().see().barred == ("web2",)


def test_a_node_that_never_was_registered_is_barred_and_let_in(place: Place) -> None:
    for color in Color:
        target = {"Id": MEMBERS["web3"], "Port": PORTS.of(color)}
        place.elb.deregister_targets(TargetGroupArn=getattr(place.names, color), Targets=[target])
    place.control.clock = lambda: time.monotonic() + 301
    assert [line.partition(" (")[0] for line in place.switch().see().problems] == ["blue: web3", "green: web3"]
    assert place.switch().bar(["web3"], out=True) == f"{MEMBERS['web3']} deregistered"
    seen = place.switch().see()
    assert (seen.barred, seen.problems, seen.out) == (("web3",), (), ())
    assert place.switch().bar(["web3"], out=False) == f"{MEMBERS['web3']} registered and healthy"
    assert (place.switch().see().barred, place.switch().see().problems) == ((), ())


def test_a_node_is_let_in_when_it_is_healthy(place: Place) -> None:
    place.switch().bar(["web2"], out=True)
    place.health(Color.green, "web2", INITIAL)
    switch = place.switch()
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        assert "orchestrator:barred:10.77.0.12" in place.tags(Color.blue)
        looks.append(seconds)
        if len(looks) == 3:
            place.health(Color.green, "web2", State("healthy"))

    switch.sleep = sleep
    assert switch.bar(["web2"], out=False) == "10.77.0.12 registered and healthy"
    assert len(looks) == 3
    assert looks == sorted(looks)
    assert (MEMBERS["web2"], 8081) in place.registered(Color.blue)
    assert (MEMBERS["web2"], 8082) in place.registered(Color.green)
    assert place.tags(Color.blue) == place.tags(Color.green) == set()
    assert place.switch().see().problems == ()


def test_a_node_that_does_not_become_healthy_stays_tagged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.switch().bar(["web2"], out=True)
    place.health(Color.blue, "web2", SICK)
    monkeypatch.setattr("orchestrator.aws.target_groups.Group.patience", 0.3)
    with pytest.raises(
        NotDone, match=r"web2 \(10.77.0.12:8081\) is unhealthy \(Target.ResponseCodeMismatch.*after 0 s"
    ):
        place.switch().bar(["web2"], out=False)
    seen = place.switch().see()
    assert seen.barred == ("web2",)
    assert len(seen.problems) == 2


def test_letting_in_does_not_wait_for_a_detached_color(place: Place) -> None:
    place.switch().bar(["web2"], out=True)
    place.modify(place.forward(100, None))
    assert place.switch().bar(["web2"], out=False) == "10.77.0.12 registered and healthy"


def test_a_stranger_is_not_barred(place: Place) -> None:
    with pytest.raises(NotDone, match=r"no node of the inventory has target 10\.77\.0\.99: nothing was changed"):
        place.switch().bar([MEMBERS["web2"], "10.77.0.99"], out=True)
    assert place.control.calls == []


def test_the_last_target_of_a_color_is_not_barred(place: Place) -> None:
    with pytest.raises(NotDone, match=r"blue would have no target left without .*, and would answer 503"):
        place.switch().bar(list(MEMBERS), out=True)
    assert place.control.calls == []
    assert place.tags(Color.blue) == set()


# --- what AWS refuses


@contextmanager
def answering(status: int, code: str, message: str) -> Iterator[tuple[str, list[str]]]:
    """An endpoint that refuses every request. Yields its URL and the list of requests so far."""
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        @override
        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


ELB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:"
ANY = Names(
    "", "", "", f"{ELB}listener-rule/app/web/50dc/f2f7/9683", f"{ELB}targetgroup/blue/1", f"{ELB}targetgroup/green/2"
)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.mark.parametrize(
    ("status", "code", "message", "tries", "line"),
    [
        (
            403,
            "AccessDenied",
            "User me may\nnot",
            1,
            r"not allowed \(User me may not\); add the permissions that docs/aws.md lists",
        ),
        (400, "Throttling", "Rate exceeded", 5, r"throttled the request 5 times \(Throttling\); repeat"),
        (400, "RuleNotFound", "One or more", 1, "RuleNotFound: One or more; correct the ARN in the settings"),
        (403, "ExpiredToken", "expired", 1, r"the AWS credentials have expired \(ExpiredToken\); log in again"),
        (403, "InvalidClientTokenId", "bad", 1, r"the AWS credentials are wrong \(InvalidClientTokenId\); log in"),
        (400, "Odd", "No.", 1, "Odd: No."),
    ],
)
@pytest.mark.usefixtures("keys")
def test_a_refusal_is_one_clear_line(status: int, code: str, message: str, tries: int, line: str) -> None:
    with answering(status, code, message) as (url, requests):
        with pytest.raises(NotDone, match=line) as error:
            Alb(section(ANY, endpoint_url=url), MEMBERS, PORTS).see()
        assert len(requests) == tries
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("DescribeRules of listener-rule/app/web/50dc/f2f7/9683: ")


@pytest.mark.filterwarnings("ignore:.*does not match an error shape")
@pytest.mark.usefixtures("keys")
def test_a_change_that_is_not_allowed_is_found_out_by_arming(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.elbv2.exceptions import ELBClientError
    from moto.elbv2.models import ELBv2Backend

    def refuse(*args: Any, **given: Any) -> None:
        raise ELBClientError("AccessDenied", "you may not perform elasticloadbalancing:ModifyRule")

    monkeypatch.setattr(ELBv2Backend, "modify_rule", refuse)
    with pytest.raises(NotDone, match=r"^ModifyRule of listener-rule/app/web/.*: not allowed \(you may not perform"):
        place.switch().arm(GREEN)


@pytest.mark.usefixtures("keys")
def test_an_endpoint_that_cannot_be_reached() -> None:
    switch = Alb(section(ANY, endpoint_url="http://127.0.0.1:9"), MEMBERS, PORTS)
    with pytest.raises(NotDone, match=r"Could not connect to the endpoint URL: \S+; check the network, and"):
        switch.see()


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NotDone, match=r"Unable to locate credentials; log in again"):
        Alb(section(ANY), MEMBERS, PORTS).see()


@pytest.mark.usefixtures("keys")
def test_an_unknown_profile() -> None:
    with pytest.raises(NotDone, match=r"\(no-such-profile\) could not be found; log in again"):
        Alb(section(ANY, profile="no-such-profile"), MEMBERS, PORTS).see()


def test_boto3_is_imported_when_the_switch_is_used() -> None:
    program = (
        "import sys, orchestrator.switches.alb.switch; sys.exit(any(m in sys.modules for m in ('boto3', 'botocore')))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0


# --- settings


def settings(**changes: Any) -> dict[str, Any]:
    switch = {"kind": "alb", "urls": ["http://shop.test/"], "rule": ANY.rule, "blue": ANY.blue, "green": ANY.green}
    return {
        "app": "shop",
        "source": {"origin": "git@example.com:shop.git"},
        "switches": [switch | changes],
        "marker": {"answers": "all"},
    }


def test_settings_of_an_alb() -> None:
    [switch] = load(settings(region="eu-central-1")).switches
    assert (switch.kind, switch.weighted) == ("alb", True)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"green": ANY.blue}, "two different target groups"),
        ({"rule": ANY.rule.replace("/app/", "/net/")}, "rule: .* is not the ARN of a listener rule"),
        ({"blue": ANY.rule}, "blue: .* is not the ARN of a target group"),
        ({"region": "us-east-1"}, "must be of one account and region"),
        ({"green": ANY.green.replace("123456789012", "210987654321")}, "must be of one account and region"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        load(settings(**changes))


# --- traffic


def minute(place: Place, color: Color, at: float, count: int, slow: int = 0, **bad: int) -> None:
    group = place.arn(color).split(":", 5)[-1]
    for number in range(count):
        place.control.metrics.count(group, at, 200, 0.5 if number < slow else 0.1)
    for _ in range(bad.get("errors", 0)):
        place.control.metrics.count(group, at, 503, 0.1)
    for _ in range(bad.get("refused", 0)):
        place.control.metrics.count(group, at, None, 0.0)


def test_traffic_of_whole_minutes(place: Place) -> None:
    begin = 1_800_000_000 // 60 * 60
    minute(place, Color.blue, begin - 1, 1000, slow=1000)
    minute(place, Color.blue, begin, 90)
    minute(place, Color.blue, begin + 60, 110)
    minute(place, Color.green, begin + 5, 100, slow=3)
    minute(place, Color.green, begin + 65, 18, slow=1, errors=2, refused=4)
    minute(place, Color.green, begin + 120, 1000, slow=1000)
    found = place.switch().traffic(begin - 30, begin + 150, old=Color.blue, now=begin + 240)
    assert not isinstance(found, TooEarly)
    assert (found.begin, found.end, found.minutes) == (begin, begin + 120, 2)
    blue, green = found.colors[Color.blue], found.colors[Color.green]
    assert (blue.requests, blue.errors, blue.refused, blue.p99, blue.slow) == (200, 0, 0, 0.1, 0.0)
    assert (green.requests, green.errors, green.refused, green.p99) == (124, 2, 4, 0.5)
    assert found.threshold == pytest.approx(0.125)
    # 3% of 100 requests, and 1 of 20 answers of 24 requests
    assert green.slow == pytest.approx((0.03 * 100 + 0.05 * 24) / 124)


@pytest.mark.parametrize(("late", "early"), [(-1, True), (0, False)])
def test_a_window_whose_minutes_are_not_complete_is_too_early(place: Place, late: int, early: bool) -> None:
    begin = 1_800_000_000 // 60 * 60
    found = place.switch().traffic(begin, begin + 60.5, now=begin + 180 + late)
    assert isinstance(found, TooEarly) is early
    if isinstance(found, TooEarly):
        assert found.until == begin + 180
    else:
        assert found.colors[Color.green].requests == 0


def test_a_window_without_a_whole_minute_has_nothing(place: Place) -> None:
    begin = 1_800_000_000 // 60 * 60
    minute(place, Color.green, begin, 5)
    found = place.switch().traffic(begin + 1, begin + 119, now=begin)
    assert not isinstance(found, TooEarly)
    assert (found.minutes, found.colors[Color.green].requests, found.threshold) == (0, 0, None)


def test_a_color_without_traffic_makes_no_threshold(place: Place) -> None:
    begin = 1_800_000_000 // 60 * 60
    minute(place, Color.green, begin, 5)
    found = place.switch().traffic(begin, begin + 60, old=Color.blue, now=begin + 200)
    assert not isinstance(found, TooEarly)
    assert found.threshold is None
    assert (found.colors[Color.green].requests, found.colors[Color.green].slow) == (5, None)


def test_partial_data_of_cloudwatch_is_not_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Callable[..., dict[str, Any]] = place.control.metrics.answer
    monkeypatch.setattr(place.control.metrics, "answer", lambda *given: answer(*given) | {"status_code": "PartialData"})
    begin = 1_800_000_000 // 60 * 60
    with pytest.raises(NotDone, match=re.escape("CloudWatch answered only a part of blue_requests")):
        place.switch().traffic(begin, begin + 60, now=begin + 200)
