"""Facts about nodes and balancers. All are pyinfra facts that need one round trip each."""
