"""Any HTTP API that answers in JSON as a system, as a description tells how to ask it."""
