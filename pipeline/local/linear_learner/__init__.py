"""A stand-in for the built-in linear-learner: same hyperparameters, log lines, artefact and answers."""
