"""Where a release's files come from."""
