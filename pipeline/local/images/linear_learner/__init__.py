"""The built-in linear-learner algorithm as a program: it trains and serves what AWS's container does.

Run as `python -m pipeline.local.images.linear_learner train --root /opt/ml`; nothing here knows the service that
starts it.
"""
