"""Compare the answers of both colors in the same window of time (docs/comparison.md).

The comparison uses the switch's record of requests.
"""
