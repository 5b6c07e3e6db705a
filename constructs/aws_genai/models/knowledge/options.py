"""The options of knowledge bases, each declared once: for code that passes them, and for the settings file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ...data.bedrock import BedrockCatalogue
from ...data.embeddings import MOST_DIMENSIONS, dimension_of
from ...data.geographies import DATA_AUTOMATION, Routed, routed
from ...errors import InvalidValueError, reported_at
from ...options import BucketName, KeyArn, ModelId, Name, Options, RoleArn, text
from ...resource_name import ResourceName

#: It is a part of the names of buckets too.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html
KNOWLEDGE_NAME = ResourceName(
    "Knowledge base", 63, r"(?=.{3})[a-z0-9]+(-[a-z0-9]+)*", "3 to 63 lower-case letters, digits and single hyphens"
)
#: https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateCollection.html
COLLECTION_NAME = ResourceName(
    "Collection", 28, r"[a-z][a-z0-9-]{2,}", "3 to 28 lower-case letters, digits and hyphens, a letter first"
)

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_SeedUrl.html
_ADDRESS = re.compile(r"https://[A-Za-z0-9]([A-Za-z0-9-]*\.)+[A-Za-z0-9-]*[A-Za-z0-9](:[0-9]{1,5})?(/[!-~]*)?")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise InvalidValueError(
            f"{value} is not an HTTPS address", hint="Write one in ASCII, such as https://docs.example.com/"
        )
    return value


#: Part of the metadata attributes of documents, and of groups of a user pool.
Group = Annotated[
    str, text(r"^[a-z0-9_-]{1,64}$", "have at most 64 lower-case letters, digits, hyphens and underscores")
]
FunctionArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]{1,64}$",
        "be the ARN of a function, without a version",
    ),
]
Address = Annotated[str, Field(max_length=2048), AfterValidator(_address)]
Prefix = Annotated[
    str,
    text(
        r"^([A-Za-z0-9_!.'()-]+/)*$",
        "be a prefix of object keys that ends in /, such as knowledge/",
        max_length=512,
    ),
]
#: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-manage.html
CollectionArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:aoss:[a-z0-9-]+:[0-9]{12}:collection/[a-z0-9]{3,40}$",
        "be the ARN of a collection, such as arn:aws:aoss:us-east-1:111122223333:collection/07tjusf2h91cunochc",
    ),
]
CollectionName = Annotated[
    str, text(r"^[a-z][a-z0-9-]{2,31}$", "have 3 to 32 lower-case letters, digits and hyphens, and begin with a letter")
]
#: https://docs.opensearch.org/latest/api-reference/index-apis/create-index/
IndexName = Annotated[
    str,
    text(
        r"^[a-z0-9][a-z0-9_.-]*$",
        "be the name of an index: lower-case letters, digits, hyphens, underscores and dots",
        max_length=255,
    ),
]
_Field = Annotated[str, Field(min_length=1, max_length=255)]


class Source(Options):
    """A reviewed source of documents."""

    groups: Annotated[list[Group], Field(min_length=1)]
    """Groups of users that may read the documents of the source."""


class WebSource(Source):
    """Web pages that Bedrock's crawler reads on a schedule. Every chunk is screened before it is indexed.

    https://docs.aws.amazon.com/bedrock/latest/userguide/webcrawl-data-source-connector.html
    """

    urls: Annotated[list[Address], Field(min_length=1, max_length=100)]
    """HTTPS addresses that the crawler starts from. You must be allowed to crawl them."""

    within: Literal["path", "host", "subdomains"] = "path"
    """Scope of the crawler: below the paths of the addresses, on their hosts, or on their hosts and subdomains."""

    pages_per_minute: Annotated[int, Field(ge=1, le=300)] = 30
    """Maximum number of pages per host and minute."""

    most_pages: Annotated[int, Field(ge=1, le=25_000)] = 1_000
    """Maximum number of pages of one crawl."""

    days: Annotated[int, Field(ge=1, le=90)] = 1
    """Number of days between two crawls."""

    def configuration(self) -> dict[str, Any]:
        """The data source configuration of AWS CloudFormation.

        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_WebCrawlerConfiguration.html
        """
        scope = {"host": "HOST_ONLY", "subdomains": "SUBDOMAINS"}.get(self.within)
        return {
            "type": "WEB",
            "webConfiguration": {
                "sourceConfiguration": {"urlConfiguration": {"seedUrls": [{"url": each} for each in self.urls]}},
                "crawlerConfiguration": {
                    "crawlerLimits": {"rateLimit": self.pages_per_minute, "maxPages": self.most_pages},
                    **({"scope": scope} if scope else {}),
                },
            },
        }


class Chunking(Options):
    """How documents are split into chunks, the parts that are retrieved.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-chunking.html
    """

    strategy: Literal["fixed", "hierarchical", "semantic", "none"] = "fixed"
    """Chunks of a fixed size, small chunks within large ones, chunks that end where the subject changes, or one chunk
    for each document."""

    max_tokens: Annotated[int, Field(ge=20, le=8192)] = 300
    """Maximum number of tokens of a chunk; of a parent chunk with strategy hierarchical."""

    overlap_percent: Annotated[int, Field(ge=1, le=99)] = 20
    """Share of a chunk that the next chunk repeats, in percent. Applies to strategy fixed."""

    function_arn: FunctionArn | None = None
    """ARN of a Lambda function of your own that splits documents. Default: none, the strategy applies. The function
    receives whole documents, as https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html
    describes, and must allow bedrock.amazonaws.com to invoke it."""

    def configuration(self) -> dict[str, Any]:
        """The chunking configuration of AWS CloudFormation."""
        match "none" if self.function_arn else self.strategy:
            case "fixed":
                size = {"maxTokens": self.max_tokens, "overlapPercentage": self.overlap_percent}
                return {"chunkingStrategy": "FIXED_SIZE", "fixedSizeChunkingConfiguration": size}
            case "hierarchical":
                levels = [{"maxTokens": self.max_tokens}, {"maxTokens": max(1, self.max_tokens // 5)}]
                parts = {"levelConfigurations": levels, "overlapTokens": max(1, self.max_tokens // 25)}
                return {"chunkingStrategy": "HIERARCHICAL", "hierarchicalChunkingConfiguration": parts}
            case "semantic":
                where = {"maxTokens": self.max_tokens, "bufferSize": 1, "breakpointPercentileThreshold": 95}
                return {"chunkingStrategy": "SEMANTIC", "semanticChunkingConfiguration": where}
            case _:
                return {"chunkingStrategy": "NONE"}


class Parsing(Options):
    """How text is extracted from documents, with their tables and images. Default: Bedrock's own parser, text only.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-advanced-parsing.html
    """

    model: ModelId | None = None
    """ID of a foundation model with vision that parses documents, one of models.bedrock.models. Default: none."""

    data_automation: bool = False
    """Whether Amazon Bedrock Data Automation parses documents."""

    @model_validator(mode="after")
    def _reads(self) -> Self:
        if self.model and self.data_automation:
            raise InvalidValueError(
                "A model and Bedrock Data Automation exclude each other",
                field="model",
                hint="Leave model or data_automation out",
            )
        if self.model:
            with reported_at("model"):
                facts = BedrockCatalogue.get(self.model)
            if "vision" not in facts.supports:
                raise InvalidValueError(
                    f"{self.model} has no vision", field="model", hint="Set a model that accepts images"
                )
        return self

    def configuration(self, model_arn: str) -> dict[str, Any] | None:
        """The parsing configuration of AWS CloudFormation.

        :param model_arn: ARN of the model or inference profile; empty without a model.
        """
        if self.data_automation:
            return {"parsingStrategy": "BEDROCK_DATA_AUTOMATION"}
        if self.model:
            return {
                "parsingStrategy": "BEDROCK_FOUNDATION_MODEL",
                "bedrockFoundationModelConfiguration": {"modelArn": model_arn},
            }
        return None


class Search(Options):
    """How chunks are found. Default: by the similarity of their vectors.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-test-config.html
    """

    hybrid: bool = False
    """Whether keywords are searched as well as vectors. Requires store aurora or opensearch."""

    rerank: ModelId | None = None
    """ID of a model that reranks the results, one of models.bedrock.models. Default: no reranking."""

    @model_validator(mode="after")
    def _reranks(self) -> Self:
        if self.rerank:
            with reported_at("rerank"):
                facts = BedrockCatalogue.get(self.rerank)
            if facts.use != "rerank":
                raise InvalidValueError(
                    f"{self.rerank} is not a rerank model", field="rerank", hint="Try cohere.rerank-v3-5:0"
                )
        return self

    def check(self, *, keywords: bool) -> None:
        """Refuse what the vector store does not support.

        :param keywords: whether the store searches keywords.
        :raises InvalidValueError: naming ``search.hybrid``.
        """
        if self.hybrid and not keywords:
            raise InvalidValueError(
                "This store searches vectors only", field="search.hybrid", hint="Use store: aurora or opensearch"
            )


class DocumentsBucket(Options):
    """An existing bucket of documents, which the intake reads and never writes.

    Three things cannot be checked from outside. The bucket must send events to Amazon EventBridge, or changes are not
    noticed; it must be in the same Region; and if the documents are encrypted with a KMS key, its key policy must let
    the intake's role decrypt. A bucket of another account needs a bucket policy that admits that role, too. Versioning
    is not required.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-event-notifications-eventbridge.html
    """

    bucket: BucketName
    """Name of the bucket."""

    prefix: Prefix = ""
    """Prefix of the documents, which ends in /. Documents of a source have keys that begin with prefix, source and /.
    Default: the root of the bucket."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts the documents. Default: they are encrypted with SSE-S3."""


class Collection(Options):
    """An existing collection of Amazon OpenSearch Serverless with a vector index.

    The knowledge base's role gets a data access policy of its own for the index. What cannot be checked from outside:
    the collection has the type VECTORSEARCH, its network policy admits public access or the service
    bedrock.amazonaws.com, and the index exists, with a vector field of the embedding model's dimension (engine faiss)
    and the text and metadata fields below.
    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-setup-oss.html
    """

    arn: CollectionArn
    """ARN of the collection."""

    name: CollectionName
    """Name of the collection: data access policies refer to collections by name, and an ARN has the ID."""

    index: IndexName
    """Name of the vector index. Only this knowledge base should use it."""

    vector_field: _Field = "vector"
    """Name of the index field that holds the vectors."""

    text_field: _Field = "AMAZON_BEDROCK_TEXT_CHUNK"
    """Name of the index field that holds the text of chunks."""

    metadata_field: _Field = "AMAZON_BEDROCK_METADATA"
    """Name of the index field that holds the metadata of chunks."""

    def check_place(self, account: str | None, region: str | None) -> None:
        """Refuse a collection of another account or Region.

        :raises InvalidValueError: naming ``arn``.
        """
        _, _, _, its_region, its_account, _ = self.arn.split(":", 5)
        for kind, wanted, found in (("Region", region, its_region), ("account", account, its_account)):
            if wanted and wanted != found:
                raise InvalidValueError(
                    f"{self.arn} is in {kind} {found}, and the knowledge base in {wanted}",
                    field="arn",
                    hint=f"Name a collection of the same {kind}",
                )


class KnowledgeBaseOptions(Options):
    """A knowledge base over a bucket of documents."""

    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    """Reviewed sources, by the name of their folder under incoming/. Documents of other folders are quarantined."""

    embedding: ModelId = "amazon.titan-embed-text-v2:0"
    """ID of the embedding model, one of models.bedrock.models."""

    dimension: Annotated[int, Field(ge=1, le=16_000)] | None = None
    """Number of dimensions of a vector. Default: that of the embedding model."""

    chunking: Chunking = Chunking()
    """How documents are split into chunks."""

    parsing: Parsing = Parsing()
    """How text is extracted from documents."""

    search: Search = Search()
    """How chunks are found."""

    reviewer_roles: list[RoleArn] = []
    """ARNs of the roles that may release quarantined documents. Default: nobody may."""

    @model_validator(mode="after")
    def _embeds(self) -> Self:
        dimension_of(self.embedding, self.dimension)
        return self

    @property
    def vector_size(self) -> int:
        """Number of dimensions of a vector."""
        return dimension_of(self.embedding, self.dimension)

    @property
    def called(self) -> list[str]:
        """Every model that is called."""
        return [each for each in (self.embedding, self.parsing.model, self.search.rerank) if each]

    def check_region(self, region: str) -> None:
        """Refuse what the Region does not offer.

        :raises InvalidValueError: naming ``parsing.data_automation``.
        """
        if self.parsing.data_automation:
            automation_profile(region)


class Knowledge(KnowledgeBaseOptions):
    """A knowledge base with its vector store, its bucket of documents, and its further sources."""

    web: dict[Name, WebSource] = {}
    """Web pages that are read too, by name."""

    custom: dict[Name, Source] = {}
    """Sources whose documents programs ingest directly (IngestKnowledgeBaseDocuments), by name."""

    documents: DocumentsBucket | None = None
    """An existing bucket of documents. Default: documents are put under incoming/ of a new bucket."""

    store: Literal["s3", "opensearch", "aurora"] = "s3"
    """Vector store. S3 Vectors and Aurora cost next to nothing while idle; OpenSearch Serverless is billed by the
    hour."""

    collection: Collection | None = None
    """An existing collection of OpenSearch Serverless. Requires store opensearch. Default: a new collection."""

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        names = [*self.sources, *self.web, *self.custom]
        if twice := next((name for name in names if names.count(name) > 1), None):
            place = "web" if twice in self.web else "custom"
            raise InvalidValueError(f"Two sources are called {twice}", field=place, hint="Rename one of them")
        if self.chunking.function_arn and (self.web or self.custom):
            raise InvalidValueError(
                "Web and custom sources already have a function that screens chunks, and Bedrock allows one",
                field="chunking.function_arn",
                hint="Leave function_arn out, or the sources",
            )
        if self.collection and self.store != "opensearch":
            raise InvalidValueError(
                f"A collection is of OpenSearch Serverless, and the store is {self.store}",
                field="collection",
                hint="Set store: opensearch, or leave collection out",
            )
        if self.vector_size > MOST_DIMENSIONS[self.store]:
            raise InvalidValueError(
                f"{self.store} stores vectors of at most {MOST_DIMENSIONS[self.store]:,} dimensions, and the embedding "
                f"model returns {self.vector_size:,}",
                field="dimension",
                hint="Set a smaller dimension, or another store",
            )
        self.search.check(keywords=self.store != "s3")
        return self

    @property
    def groups(self) -> set[str]:
        """Every group that may read something."""
        every = (*self.sources.values(), *self.custom.values(), *self.web.values())
        return {group for source in every for group in source.groups}

    def arns(self) -> Iterator[tuple[str, str]]:
        """The ARNs that must be in the Region of the knowledge base, by their key path."""
        if self.chunking.function_arn:
            yield "chunking.function_arn", self.chunking.function_arn
        if self.documents and self.documents.key_arn:
            yield "documents.key_arn", self.documents.key_arn
        if self.collection:
            yield "collection.arn", self.collection.arn


def automation_profile(region: str) -> Routed:
    """The profile of Bedrock Data Automation for a Region, and the Regions that may process its documents.

    :raises InvalidValueError: if that Region has none.
    """
    return routed(DATA_AUTOMATION, region, what="Bedrock Data Automation", field="parsing.data_automation")
