"""Shell scripts, and functions that make shell commands. Facts, operations and provisioning share them."""
