"""Compare both colors over the same window, based on the switch's own record of requests (docs/comparison.md)."""
