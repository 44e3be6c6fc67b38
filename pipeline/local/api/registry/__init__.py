"""Model packages and their groups as clients ask for them."""
