"""The endpoint and the model registry, as a script sees them."""
