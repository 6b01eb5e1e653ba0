"""Read and change the parts of a fleet that AWS keeps: instances, target groups and the Auto Scaling group."""
