"""The run of a plan: the walk, and what its steps do."""
