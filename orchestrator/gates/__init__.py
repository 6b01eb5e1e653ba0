"""The checks that a color must pass before the color gets traffic. Each file has one check, a pure function."""
