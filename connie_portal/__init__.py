"""The start and the serving of the portal: settings, addresses, processes, the queue, and limits for strangers."""
