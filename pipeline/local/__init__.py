"""SageMaker on localhost: a service that executes pipeline definitions with no AWS account and no Docker.

It knows the definition JSON and the SageMaker API; it knows nothing of how this project composes its own.
"""
