"""The HTTP API: accepts jobs, shows their progress."""
