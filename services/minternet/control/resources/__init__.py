"""The handlers of the control API, a file for each kind of thing."""
