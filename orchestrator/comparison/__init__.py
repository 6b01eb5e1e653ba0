"""Compare the answers of both colors in one window of time, by the switch's record of requests (docs/comparison.md)."""
