"""Containers that run to their end: what each kind of job gets, does and leaves."""
