"""Runs the thirteen stages."""
