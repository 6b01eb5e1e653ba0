"""The kinds of source. The files of a release come from a source: git, a tarball, or the operator's machine."""
