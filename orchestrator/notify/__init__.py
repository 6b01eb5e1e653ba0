"""Send messages to chats and webhooks, in a separate process that never delays or fails a run."""
