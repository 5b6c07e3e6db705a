"""What a stack needs before it can be deleted, its deletion, and what is left when it is gone."""
