"""What a pipeline definition means, and how it runs."""
