"""How dates and times are written in each country's order."""
