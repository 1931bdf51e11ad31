"""Simulators for other people's systems, for the demo and the tests: what they answer, and how they fail."""
