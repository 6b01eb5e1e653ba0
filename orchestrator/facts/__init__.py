"""pyinfra facts about nodes and balancers. Each fact runs one command on its host."""
