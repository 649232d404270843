"""Paid calls: reserved before they are made, settled after, and told to the orchestrator's ledger both times."""
