"""An AWS Application Load Balancer as a switch."""
