"""S3 of the service: the store of buckets and objects, and its HTTP face above it."""
