"""A folder for PYTHONPATH, see `sitecustomize`; nothing imports it as a package."""
