"""The stages, one file each. No stage knows another."""
