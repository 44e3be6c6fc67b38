"""The engine: runs pipeline definitions.

`graph`, `expressions`, `conditions` and `retries` are pure: they know the JSON and nothing of the service.
`execution` schedules, `steps` does what a step type stands for, through the same actions that clients use.
"""
