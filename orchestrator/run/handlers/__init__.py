"""The handlers of the actions. Each action has one class here. ``Action.handler`` names the file and the class."""
