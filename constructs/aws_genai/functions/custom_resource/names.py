"""Names that are shared by functions that wait and the constructs that deploy them."""

#: Prefix of the names of schedules.
PREFIX = "wait-"
