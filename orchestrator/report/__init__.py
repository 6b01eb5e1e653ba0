"""Show a run to the operator: as lines on the terminal, as a printed plan, and as a report file."""
