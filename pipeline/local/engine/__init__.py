"""The engine: runs pipeline definitions.

`readiness`, `condition_outcomes` and `retries` are pure: they know the JSON and nothing of the service.
`scheduler` starts steps, `step_executors` does what a step type stands for, through the same actions that clients use.
"""
