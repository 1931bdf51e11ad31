"""What ``make run`` and continuous integration start."""
