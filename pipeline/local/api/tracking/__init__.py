"""Experiments, lineage, metrics and search as clients ask for them."""
