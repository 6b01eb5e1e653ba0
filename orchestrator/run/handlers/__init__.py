"""How each action is performed: a file and a class an action, which the action names (``Action.handler``)."""
