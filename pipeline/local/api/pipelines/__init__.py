"""Pipelines, their versions, executions and steps as clients ask for them."""
