"""Work beside executions: registry, predictions, schedules, permissions, and cleaning up."""
