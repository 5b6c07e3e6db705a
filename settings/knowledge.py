"""Settings of documents that models answer from."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from aws_genai.data.embeddings import MOST_DIMENSIONS, dimension_of
from aws_genai.errors import InvalidValueError
from aws_genai.models.knowledge.reading import Parsing, Search

from .base import ModelId, Name, RoleArn, Section, text

#: Parts of attributes and keys.
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

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_SeedUrl.html
_ADDRESS = re.compile(r"https://[A-Za-z0-9]([A-Za-z0-9-]*\.)+[A-Za-z0-9-]*[A-Za-z0-9](:[0-9]{1,5})?(/[!-~]*)?")


class Source(Section):
    """A reviewed source of documents."""

    groups: Annotated[list[Group], Field(min_length=1)]
    """Groups of users that may read its documents."""


class ChunkingSettings(Section):
    """How documents are cut into the parts that are retrieved."""

    strategy: Literal["fixed", "hierarchical", "semantic", "none"] = "fixed"
    """Parts of a fixed size, small ones in large ones, ones that end where the subject changes, or whole documents."""

    max_tokens: Annotated[int, Field(ge=20, le=8192)] = 300
    """Tokens of a part, of the large ones if hierarchical."""

    overlap_percent: Annotated[int, Field(ge=1, le=99)] = 20
    """How much of a part the next repeats, of fixed ones."""

    function_arn: FunctionArn | None = None
    """ARN of a function of your own that cuts documents; the strategy does without it."""


class ParsingSettings(Section):
    """Who makes text of documents, of their tables and pictures too."""

    model: ModelId | None = None
    """Id of a foundation model that sees, one of models.bedrock.models."""

    data_automation: bool = False
    """Whether Bedrock Data Automation does; Bedrock's own parser reads text only."""


class SearchSettings(Section):
    """How chunks are found."""

    hybrid: bool = False
    """Whether words are searched beside vectors, with store aurora or opensearch."""

    rerank: ModelId | None = None
    """Id of a model that puts what was found in order, one of models.bedrock.models."""


class WebSettings(Section):
    """Pages of the web, read again by the clock, and screened chunk by chunk."""

    urls: Annotated[list[Annotated[str, Field(max_length=2048)]], Field(min_length=1, max_length=100)]
    """Where the crawler begins, each with https; you have to be allowed to crawl them."""

    groups: Annotated[list[Group], Field(min_length=1)]
    """Groups of users that may read them."""

    within: Literal["path", "host", "subdomains"] = "path"
    """Whether it stays below the addresses, on their host, or on their subdomains."""

    pages_per_minute: Annotated[int, Field(ge=1, le=300)] = 30
    """Most pages of a host in a minute."""

    most_pages: Annotated[int, Field(ge=1, le=25_000)] = 1_000
    """Most pages of one crawl."""

    days: Annotated[int, Field(ge=1, le=90)] = 1
    """Days between two crawls."""

    @field_validator("urls")
    @classmethod
    def _safe(cls, value: list[str]) -> list[str]:
        for url in value:
            if not _ADDRESS.fullmatch(url):
                raise InvalidValueError(
                    f"{url} is no address with https", hint="Write one in ASCII, such as https://docs.example.com/"
                )
        return value


class Knowledge(Section):
    """Documents that models answer from."""

    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    """Sources that somebody has reviewed, by the folder under incoming/; others are kept apart."""

    web: dict[Name, WebSettings] = {}
    """Pages of the web that are read too, by name."""

    custom: dict[Name, Source] = {}
    """Sources whose documents programs hand over to Bedrock, by name."""

    embedding: ModelId = "amazon.titan-embed-text-v2:0"
    """Id of the embedding model, one of models.bedrock.models."""

    dimension: Annotated[int, Field(ge=1, le=16_000)] | None = None
    """Numbers of a vector; what the model makes by itself without it."""

    store: Literal["s3", "opensearch", "aurora"] = "s3"
    """Where vectors are kept: S3 Vectors and Aurora sleep while nobody asks, OpenSearch Serverless runs always."""

    chunking: ChunkingSettings = ChunkingSettings()
    """How documents are cut."""

    parsing: ParsingSettings = ParsingSettings()
    """How documents are read."""

    search: SearchSettings = SearchSettings()
    """How chunks are found."""

    reviewer_roles: list[RoleArn] = []
    """ARNs of roles that may release documents which were refused; without one, nobody may."""

    @model_validator(mode="after")
    def _embeds(self) -> Knowledge:
        names = [*self.sources, *self.web, *self.custom]
        if twice := next((name for name in names if names.count(name) > 1), None):
            place = "web" if twice in self.web else "custom"
            raise InvalidValueError(f"Two sources are called {twice}", field=place, hint="Rename one of them")
        if self.chunking.function_arn and (self.web or self.custom):
            raise InvalidValueError(
                "Chunks of web and custom sources are screened by a function, and one is the most",
                field="chunking.function_arn",
                hint="Leave it out, or the sources",
            )
        size = dimension_of(self.embedding, self.dimension)
        if size > MOST_DIMENSIONS[self.store]:
            raise InvalidValueError(
                f"{self.store} keeps vectors of at most {MOST_DIMENSIONS[self.store]} numbers, and there are {size}",
                field="dimension",
                hint="Set a smaller dimension, or another store",
            )
        Parsing(**self.parsing.model_dump()).check()
        Search(**self.search.model_dump()).check(words=self.store != "s3")
        return self

    @property
    def called(self) -> list[str]:
        """Every model that is called."""
        return [each for each in (self.embedding, self.parsing.model, self.search.rerank) if each]

    @property
    def groups(self) -> set[str]:
        """Every group that may read something."""
        every = [each.groups for each in (*self.sources.values(), *self.custom.values())]
        every += [each.groups for each in self.web.values()]
        return {group for groups in every for group in groups}
