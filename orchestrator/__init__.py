"""Blue-green releases on many plain servers, as one fleet-wide transaction."""
