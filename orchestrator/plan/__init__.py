"""The plan of a run, made from the request and the observed state of the fleet: pure functions."""
