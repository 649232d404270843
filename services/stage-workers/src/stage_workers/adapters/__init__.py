"""What stands behind the ports, one file a vendor or kind."""
