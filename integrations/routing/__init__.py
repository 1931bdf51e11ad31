"""What calls are routed by: the values that Studio gets of a caller, and what of them stands in a task."""
