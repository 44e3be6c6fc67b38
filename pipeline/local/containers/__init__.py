"""A container on localhost: a process group of its own that sees an /opt/ml of its own."""
