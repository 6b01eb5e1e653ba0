"""Shell scripts, and functions that make shell commands. Other packages, such as facts and operations, use both."""
