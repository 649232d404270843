"""The thirteen stages, one file each. No stage imports another."""
