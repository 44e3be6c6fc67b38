"""Models, endpoint configurations and endpoints as clients ask for them."""
