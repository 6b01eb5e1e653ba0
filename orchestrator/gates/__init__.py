"""The checks that a color must pass before it gets traffic. One kind of check a file; all are pure."""
