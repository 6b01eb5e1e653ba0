"""The probe: an HTTP client that sends requests continuously, never retries a request, and counts every failure."""
