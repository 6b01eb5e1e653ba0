"""An HTTP client that sends requests without a pause, never retries, and reports the outcome of each request."""
