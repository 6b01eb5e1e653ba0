"""The checks that a color must pass before it gets traffic. Each file has one kind of check; all are pure."""
