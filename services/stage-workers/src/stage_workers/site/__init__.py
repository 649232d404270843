"""What can be said of a company's site from its addresses and its structured data. Pure."""
