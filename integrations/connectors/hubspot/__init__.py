"""HubSpot as a system: what is asked of it, and which contacts are the caller."""
