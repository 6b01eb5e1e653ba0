"""The version of the application."""

VERSION = "v2"
