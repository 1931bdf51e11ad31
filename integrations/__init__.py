"""The portal: who is calling, found in every system at once, and shown to each viewer as far as they may see it.

docs/architecture.md says which package decides what.
"""
