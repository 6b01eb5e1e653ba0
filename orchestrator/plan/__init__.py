"""What was asked and seen, and the plan that follows from it: pure functions."""
