"""The fact passes a window to the balancer's script."""

from __future__ import annotations

from orchestrator.facts.traffic import TrafficLines


def test_times_are_words_of_the_script_and_none_is_empty() -> None:
    words = TrafficLines().command("shop", "nginx", begin=1764087848.5).get_raw_value()
    assert words.endswith("orchestrator 1764087848.500 ''")
    assert TrafficLines().command("shop", "haproxy").get_raw_value().endswith("orchestrator '' ''")


def test_the_lines_are_for_the_switch_to_read() -> None:
    assert TrafficLines().process(["blue=1 0 0 3:1"]) == ["blue=1 0 0 3:1"]
