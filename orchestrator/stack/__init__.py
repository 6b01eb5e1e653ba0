"""The configuration of a color for a release: made for each release, and kept in the release. Pure."""
