"""How a knowledge base reads documents, and how it is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...data.bedrock import BedrockCatalogue
from ...data.geographies import DATA_AUTOMATION, Routed, routed
from ...errors import InvalidValueError

Strategy = Literal["fixed", "hierarchical", "semantic", "none"]


@dataclass(frozen=True, kw_only=True)
class Chunking:
    """How documents are cut into the parts that are retrieved.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-chunking.html

    :param strategy: ``fixed`` parts, ``hierarchical`` ones that are found small and shown large, ``semantic`` ones that
        end where the subject changes, or ``none``, a document whole. Default: fixed.
    :param max_tokens: tokens of a part, of the large ones if hierarchical. Default: 300.
    :param overlap_percent: how much of a part the next repeats, of fixed ones. Default: 20.
    :param function_arn: a function of your own that cuts each document, which it is then handed whole, as
        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html says. Default: none.
    """

    strategy: Strategy = "fixed"
    max_tokens: int = 300
    overlap_percent: int = 20
    function_arn: str | None = None

    def configuration(self) -> dict[str, Any]:
        """What CloudFormation calls it."""
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


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """Who makes text of documents, of their tables and pictures too.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-advanced-parsing.html

    :param model: id of a foundation model that sees. Default: none.
    :param data_automation: whether Bedrock Data Automation does. Default: no; Bedrock's own parser reads text only.
    :raises InvalidValueError: if both do, or the model does not see.
    """

    model: str | None = None
    data_automation: bool = False

    def check(self) -> None:
        """Refuse what cannot read a page."""
        if self.model and self.data_automation:
            raise InvalidValueError("One of them reads a document", field="parsing", hint="Name a model, or neither")
        if self.model and "vision" not in BedrockCatalogue.get(self.model).supports:
            raise InvalidValueError(f"{self.model} does not see pages", field="parsing.model")

    def configuration(self, model_arn: str) -> dict[str, Any] | None:
        """What CloudFormation calls it."""
        if self.data_automation:
            return {"parsingStrategy": "BEDROCK_DATA_AUTOMATION"}
        if self.model:
            return {
                "parsingStrategy": "BEDROCK_FOUNDATION_MODEL",
                "bedrockFoundationModelConfiguration": {"modelArn": model_arn},
            }
        return None

    def needs(self, model_arns: Sequence[str], region: str) -> list[tuple[list[str], list[str]]]:
        """The actions that a knowledge base's role needs, and on what.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/bda-cris.html

        :param region: where the knowledge base is; Data Automation reads documents in any Region of a geography.
        :raises InvalidValueError: if Data Automation is not in that Region.
        """
        if self.model:
            return [(["bedrock:InvokeModel"], list(model_arns))]
        if not self.data_automation:
            return []
        # Settings are checked without the CDK.
        from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION

        across = read_across(region)
        here, profile = f"arn:{PARTITION}:bedrock:{REGION}", f"{ACCOUNT_ID}:data-automation-profile/{across.profile}"
        profiles = [f"arn:{PARTITION}:bedrock:{each}:{profile}" for each in across.regions]
        return [
            (
                ["bedrock:InvokeDataAutomationAsync"],
                [f"{here}:aws:data-automation-project/public-rag-default", *profiles],
            ),
            (["bedrock:GetDataAutomationStatus"], [f"{here}:{ACCOUNT_ID}:data-automation-invocation/*"]),
        ]


def read_across(region: str) -> Routed:
    """The profile by which Data Automation reads documents of ``region``, and the Regions that may.

    :raises InvalidValueError: if that Region has none.
    """
    return routed(DATA_AUTOMATION, region, what="Bedrock Data Automation", field="parsing.data_automation")


@dataclass(frozen=True, kw_only=True)
class Search:
    """How chunks are found.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-test-config.html

    :param hybrid: whether words are searched beside vectors, where the store can. Default: no.
    :param rerank: id of a model that puts what was found in order. Default: none, by likeness of vectors.
    :raises InvalidValueError: if the model does not rerank.
    """

    hybrid: bool = False
    rerank: str | None = None

    def check(self, *, words: bool) -> None:
        """Refuse what the store cannot do.

        :param words: whether the store searches words.
        """
        if self.hybrid and not words:
            raise InvalidValueError(
                "This store searches vectors only", field="search.hybrid", hint="Use store: aurora or opensearch"
            )
        if self.rerank and BedrockCatalogue.get(self.rerank).use != "rerank":
            raise InvalidValueError(
                f"{self.rerank} does not rerank", field="search.rerank", hint="Try cohere.rerank-v3-5:0"
            )

    def configuration(self) -> dict[str, Any]:
        """What a request of Retrieve holds of it beside the number of results and the filter."""
        found: dict[str, Any] = {"overrideSearchType": "HYBRID"} if self.hybrid else {}
        if self.rerank:
            from ...foundation.pseudo import PARTITION, REGION

            model = {"modelArn": f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{self.rerank}"}
            how = {"modelConfiguration": model, "numberOfRerankedResults": 5}
            found["rerankingConfiguration"] = {
                "type": "BEDROCK_RERANKING_MODEL",
                "bedrockRerankingConfiguration": how,
            }
        return found
