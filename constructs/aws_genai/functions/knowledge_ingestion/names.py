"""Names that documents have on their way, which the function and whoever deploys it share."""

#: Where documents are put, where they are retrieved from, and where those stay that were refused.
INCOMING, ACCEPTED, QUARANTINE = "incoming/", "accepted/", "quarantine/"
#: Where reviewers say that a document which was refused may come in all the same, by its name.
RELEASED = "released/"
#: Where a function that cuts documents finds them, and puts what it cut.
CUTTING = "cutting/"
#: Where chunks from elsewhere are screened, by source.
SCREENING = "screening/"
#: How attributes of groups begin: one truth each, which every vector store can filter by.
GROUP = "group_"
#: https://docs.aws.amazon.com/bedrock/latest/userguide/s3-data-source-connector.html
SIDECAR = ".metadata.json"
#: Who tells that the function itself was deployed, and may have another data source to read into.
RENEWED = "aws.cloudformation"
