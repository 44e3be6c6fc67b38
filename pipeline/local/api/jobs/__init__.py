"""Training, processing, transform and tuning jobs as clients ask for them."""
