"""The page under /_console: executions as graphs, logs, reports, the registry, the endpoints; reading only."""
