"""How the portal is started and served: settings, addresses, processes, the queue, and limits for strangers."""
