"""Show a run to the operator: as lines on the terminal, as a printed plan, as a report file, and in notifications."""
