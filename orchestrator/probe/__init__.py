"""An HTTP client that sends requests all the time, never retries, and reports what happened to each of them."""
