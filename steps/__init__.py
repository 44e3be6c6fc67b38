"""One module a step of the pipeline: keyword arguments in, a SageMaker SDK step out."""
