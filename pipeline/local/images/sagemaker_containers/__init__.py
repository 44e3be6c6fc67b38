"""The toolkit that runs users' scripts in the managed scikit-learn and XGBoost images, by the name it has there.

The package is copied into a container of such an image: `train` and `serve` are its commands, and scripts import
`sagemaker_containers.beta.framework` as AWS's examples do. So it imports nothing of this project but itself, and
that relatively.
"""
