"""The host platform: how Twilio's own interfaces are asked, and what they mean. No Django, no database."""
