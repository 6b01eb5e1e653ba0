"""The sources, from which the files of a release come."""
