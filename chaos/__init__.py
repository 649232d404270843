"""Faults for the whole system, as real processes, and the proof that nothing is lost: ``python -m chaos``."""
