"""An HTTP client that continuously sends requests, never retries, and reports the outcome of each request."""
