"""Run commands on a host, and read only the lines that the command itself printed."""
