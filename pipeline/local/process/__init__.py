"""The service as a process: started, found, locked, served and stopped."""
