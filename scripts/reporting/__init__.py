"""The report, its sections and its pictures."""
