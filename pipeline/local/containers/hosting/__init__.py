"""Containers that serve: endpoints with their variants, invocations, captured data."""
