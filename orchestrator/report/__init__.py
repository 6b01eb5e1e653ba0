"""Output for the operator: lines on the terminal, the printed plan, the report file."""
