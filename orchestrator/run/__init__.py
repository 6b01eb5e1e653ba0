"""The run of a plan: the walk, and the work of its steps."""
