"""Records every use of a tool, on the way to it and back."""
