"""What others tell the portal, from the request to what is done about it."""
