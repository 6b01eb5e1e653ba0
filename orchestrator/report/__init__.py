"""Output for the operator: terminal, plan and report file."""
