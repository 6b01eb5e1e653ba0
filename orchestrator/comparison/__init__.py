"""Compare both colors over the same window, by the switch's own record of each request (docs/comparison.md)."""
