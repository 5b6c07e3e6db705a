"""What an agent knows of its tools, and how it reaches them."""
