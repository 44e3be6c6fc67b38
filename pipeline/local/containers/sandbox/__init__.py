"""What a container may see and do: `/opt/ml`, environment, namespaces, ports, and its end."""
