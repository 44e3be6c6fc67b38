"""The services beside SageMaker and S3, which moto answers, and what those two need of them."""
