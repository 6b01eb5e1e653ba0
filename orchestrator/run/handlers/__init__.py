"""The handlers of the actions. Each action has one file and one class here. ``Action.handler`` names the class."""
