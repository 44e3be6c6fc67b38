"""What the raw data hold: each column's profile, the problems, the schema, the baseline, pictures."""
