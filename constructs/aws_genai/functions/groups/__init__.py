"""Names of the groups of users."""
