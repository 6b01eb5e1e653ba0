"""Colors, weights and release ids."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.model import Color, Weights, release_id

BLUE, GREEN = Color.blue, Color.green


def test_each_color_is_the_other_of_the_other() -> None:
    assert [color.other for color in Color] == [GREEN, BLUE]


@pytest.mark.parametrize(
    ("green", "live", "blue"), [(0, BLUE, 100), (1, None, 99), (50, None, 50), (99, None, 1), (100, GREEN, 0)]
)
def test_a_color_is_live_only_with_all_traffic(green: int, live: Color | None, blue: int) -> None:
    weights = Weights(green)
    assert weights.live is live
    assert (weights.share(GREEN), weights.share(BLUE)) == (green, blue)


@pytest.mark.parametrize("green", [-1, 101])
def test_a_share_outside_of_0_to_100_is_refused(green: int) -> None:
    with pytest.raises(ValueError, match=f"0 to 100 per cent, not {green}"):
        Weights(green)


@pytest.mark.parametrize("color", Color)
def test_a_share_is_made_and_read_for_the_same_color(color: Color) -> None:
    assert Weights.of(color, 5).share(color) == 5
    assert Weights.of(color, 5).share(color.other) == 95
    assert Weights.all_to(color).live is color


def test_a_release_id_has_the_time_and_the_short_revision() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 999_999, UTC)
    assert release_id(now, "0123456789abcdef0123456789abcdef01234567") == "20260102T030405Z-0123456"
