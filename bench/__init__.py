"""How fast the portal is, beside a reference with the same duties."""
