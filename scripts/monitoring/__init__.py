"""Captured requests held against the baseline."""
