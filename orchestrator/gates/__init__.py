"""The checks that a color must pass before the color gets traffic. Each file has the pure functions of one check."""
