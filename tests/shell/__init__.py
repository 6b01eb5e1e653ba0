"""What every shell script of the repository has to pass."""
