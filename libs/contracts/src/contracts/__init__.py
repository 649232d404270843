"""What the services say to each other: data only."""
