"""Both colors over the same window, from the switch's own record of each request: docs/comparison.md."""
