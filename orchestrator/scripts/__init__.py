"""Pieces of shell that facts, operations and provisioning need."""
