"""The pipeline's definition, composed by the SageMaker SDK from settings, parameters and `steps/`, offline."""
