"""A fleet on AWS: its instances, target groups and Auto Scaling group."""
