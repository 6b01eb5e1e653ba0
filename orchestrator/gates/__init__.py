"""What a color has to prove before it gets traffic: one kind of check a file, all pure."""
