"""Where a run is recorded, and the lock: one an application and inventory."""
