"""The handlers that perform the actions: one file and one class per action, which names it (``Action.handler``)."""
