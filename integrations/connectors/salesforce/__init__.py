"""Salesforce as a system: which objects hold people, and which records are the caller."""
