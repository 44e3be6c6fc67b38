"""Executions of the pipeline, by the API alone: start, follow, stop, retry, logs, results and how they ended."""
