"""The command line and the whole system in one process."""
