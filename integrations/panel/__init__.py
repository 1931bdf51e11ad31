"""The panel of one call: who may open it, how it fills in, and what an agent may do there."""
