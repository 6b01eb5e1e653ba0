"""Run a command on a host and show its output as it comes."""
