"""Who answers for a model in the local account, and how an answer gets to its caller."""
