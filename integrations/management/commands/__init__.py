"""The commands: what whoever keeps the server may do by hand."""
