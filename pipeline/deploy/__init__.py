"""From a definition to a deployed pipeline: what an upsert would change and run again, and the upsert."""
