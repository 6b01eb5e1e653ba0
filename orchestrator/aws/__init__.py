"""The AWS side of a fleet: its instances, target groups and Auto Scaling group."""
