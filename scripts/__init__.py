"""What runs inside the containers: each step's script and the modules that they share."""
