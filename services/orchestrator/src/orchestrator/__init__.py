"""Advances the job state machine."""
