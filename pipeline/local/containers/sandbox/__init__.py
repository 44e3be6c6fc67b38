"""The walls of a container: `/opt/ml`, environment, namespaces, ports, and its end."""
