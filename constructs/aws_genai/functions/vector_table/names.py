"""Names of the table of vectors and its columns, shared by the function and the construct."""

#: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.VectorDB.html
DATABASE, SCHEMA = "knowledge", "bedrock_integration"
ID, VECTOR, TEXT, METADATA, CUSTOM = "id", "embedding", "chunks", "metadata", "custom_metadata"


def table(dimension: int) -> str:
    """Returns the name of the table, which contains vectors of one dimension."""
    return f"{SCHEMA}.chunks_{dimension}"
