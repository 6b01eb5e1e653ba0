"""The lock and the journals of runs: one store per application and inventory."""
