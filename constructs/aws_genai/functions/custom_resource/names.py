"""Names that functions which wait and whoever deploys them share."""

#: What names of schedules begin with.
PREFIX = "wait-"
