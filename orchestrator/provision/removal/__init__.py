"""Remove one application from all hosts of an inventory. Other applications on these hosts stay as they are."""
