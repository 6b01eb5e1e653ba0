"""What is true at a place: real pyinfra facts, one round trip each."""
