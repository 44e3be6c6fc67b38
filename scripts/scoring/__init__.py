"""What a model is worth: predictions, figures, gates, coefficients."""
