"""Shell scripts and helpers that facts, operations and provisioning share."""
