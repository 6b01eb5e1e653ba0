"""What AWS knows of a fleet: its instances, and the Auto Scaling group that makes and ends them."""
