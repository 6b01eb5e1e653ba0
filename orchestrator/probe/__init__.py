"""An HTTP client that asks all the time, never retries, and says what happened to every request."""
