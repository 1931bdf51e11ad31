"""The place where Django looks for the portal's commands."""
