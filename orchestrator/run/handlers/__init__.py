"""The handlers: one file and one class for each action. ``Action.handler`` names the class."""
