"""What an organisation's admin may see and change of its settings, and of no other organisation's."""
