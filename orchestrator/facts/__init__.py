"""pyinfra facts about nodes and balancers. Each fact needs one round trip."""
