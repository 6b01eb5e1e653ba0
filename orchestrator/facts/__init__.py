"""Facts about nodes and balancers: real pyinfra facts, one round trip each."""
