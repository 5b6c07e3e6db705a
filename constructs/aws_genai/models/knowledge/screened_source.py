"""Pages of the web, and documents that programs hand over, screened before they are indexed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from aws_cdk import (
    RemovalPolicy,
    Stack,
    aws_bedrock as bedrock,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_scheduler as scheduler,
)
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.naming import lasting
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import WorkloadRole, grant
from ...functions.knowledge_ingestion.names import QUARANTINE, SCREENING
from ...packaging.python_function import PythonFunction
from ..access.guardrail import Guardrail
from .knowledge_base import KnowledgeBase, check_sources
from .reading import Chunking

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

Scope = Literal["host", "subdomains", "path"]
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_WebCrawlerConfiguration.html
_SCOPES: dict[str, str | None] = {"host": "HOST_ONLY", "subdomains": "SUBDOMAINS", "path": None}


class ScreenedSource(Construct):
    """A further source of a knowledge base, whose chunks a function screens before they are indexed.

    Without ``urls`` it is a custom source: programs hand documents over by IngestKnowledgeBaseDocuments. With them,
    Bedrock's crawler reads the pages, and again by the clock. Neither passes a bucket of ours, so a function looks at
    every chunk: what gives orders to a model, or what the guardrail would block, goes to ``quarantine/`` with the
    reasons; the rest is told who may read it and where it comes from.
    https://docs.aws.amazon.com/bedrock/latest/userguide/webcrawl-data-source-connector.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/custom-data-source-connector.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import KnowledgeBase, ScreenedSource
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Documents")
        key.allow_logs()
        topic = AlarmTopic(stack, "Alarms", key=key)
        base = KnowledgeBase(
            stack,
            "Handbook",
            name="demo-handbook",
            sources={"policies": ["staff"]},
            key=key,
            access_logs=AccessLogBucket(stack, "AccessLogs"),
            topic=topic,
        )
        ScreenedSource(
            stack,
            "Site",
            base=base,
            name="site",
            groups=["staff"],
            urls=["https://docs.example.com/"],
            topic=topic,
        )
        app.synth()

    :param base: the knowledge base.
    :param name: name of the source: lowercase letters, digits, hyphens and underscores.
    :param groups: the groups of users that may read what comes from it.
    :param topic: receives calls of the function that failed.
    :param urls: where the crawler begins, each with https; you have to be allowed to crawl them. Default: none, custom.
    :param within: whether it stays below the addresses, on their host, or on their subdomains. Default: path.
    :param pages_per_minute: most pages of a host in a minute, 1 to 300. Default: 30.
    :param most_pages: most pages of one crawl, 1 to 25,000. Default: 1,000.
    :param days: days between two crawls. Default: 1.
    :param chunking: how documents are cut; not by a function, for one is the most. Default: that of Chunking().
    :param guardrail: assesses chunks. Default: none, patterns only.
    :param network: a VPC for the function. Default: the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if nobody may read it, an address is not https, or a function is to cut.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        base: KnowledgeBase,
        name: str,
        groups: Sequence[str],
        topic: AlarmTopic,
        urls: Sequence[str] = (),
        within: Scope = "path",
        pages_per_minute: int = 30,
        most_pages: int = 1_000,
        days: int = 1,
        chunking: Chunking | None = None,
        guardrail: Guardrail | None = None,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_sources({name: groups})
        cut = chunking or Chunking()
        check_urls(urls)
        if cut.function_arn:
            raise InvalidValueError("A function screens chunks already, and one is the most", field="chunking")
        self.base = base
        place = f"{SCREENING}{name}/"
        guarded = {"GUARDRAIL_ID": guardrail.guardrail_id, "GUARDRAIL_VERSION": guardrail.version} if guardrail else {}
        self.function = PythonFunction(
            self,
            "Screen",
            folder="chunk_screen",
            include=("documents", "knowledge_ingestion", "untrusted", "waking"),
            key=base.key,
            topic=topic,
            environment={"SOURCE": name, "GROUPS": json.dumps(sorted(groups)), **guarded},
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=5,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        base.bucket.grant_read(self.function.role, place)
        base.bucket.grant_write(self.function.role, place, QUARANTINE)
        if guardrail:
            guardrail.grant_apply(self.function.role)
        base.role.allow(("lambda:InvokeFunction",), [self.function.function_arn])
        base.bucket.grant_read(base.role, place)
        base.bucket.grant_write(base.role, place)
        lambda_.CfnPermission(
            self,
            "Called",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="bedrock.amazonaws.com",
            source_account=ACCOUNT_ID,
            source_arn=base.knowledge_base_arn,
        )
        self.resource = bedrock.CfnDataSource(
            self,
            "Resource",
            name=lasting(self, f"{base.name}-{name}", cut.configuration(), bool(urls), longest=100),
            knowledge_base_id=base.knowledge_base_id,
            data_deletion_policy="DELETE",
            data_source_configuration=_web(urls, within, pages_per_minute, most_pages) if urls else {"type": "CUSTOM"},
            server_side_encryption_configuration={"kmsKeyArn": base.key.key_arn},
            vector_ingestion_configuration={
                "chunkingConfiguration": cut.configuration(),
                "customTransformationConfiguration": {
                    "intermediateStorage": {"s3Location": {"uri": f"s3://{base.bucket.bucket_name}/{place}"}},
                    "transformations": [
                        {
                            "stepToApply": "POST_CHUNKING",
                            "transformationFunction": {
                                "transformationLambdaConfiguration": {"lambdaArn": self.function.function_arn}
                            },
                        }
                    ],
                },
            },
        )
        self.resource.node.add_dependency(base.role.permissions)
        if urls:
            self._crawl(days)

    def _crawl(self, days: int) -> None:
        """By the intake, which waits for a store that sleeps: a schedule of its own would fail at the first call.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
        """
        role = WorkloadRole(
            self,
            "Clock",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        role.allow(("lambda:InvokeFunction",), [self.base.function.function_arn])
        scheduler.CfnSchedule(
            self,
            "Crawl",
            description=f"Reads the pages of {self.base.name} again",
            schedule_expression=f"rate({days} {'day' if days == 1 else 'days'})",
            flexible_time_window={"mode": "FLEXIBLE", "maximumWindowInMinutes": 60},
            target={
                "arn": self.base.function.function_arn,
                "roleArn": role.role_arn,
                "input": Stack.of(self).to_json_string({"crawl": self.resource.attr_data_source_id}),
                "retryPolicy": {"maximumRetryAttempts": 5, "maximumEventAgeInSeconds": 3600},
            },
        )

    def grant_hand_over(self, role: iam.IRole) -> None:
        """Let ``role`` hand documents over to a custom source, and take them back.

        A database of Aurora that sleeps answers the first call with a ValidationException, "is resuming after being
        auto-paused": try again after 10 to 30 seconds.
        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-direct-ingestion.html
        """
        actions = ["bedrock:DeleteKnowledgeBaseDocuments", "bedrock:IngestKnowledgeBaseDocuments"]
        grant(role, [*actions, "bedrock:StartIngestionJob"], [self.base.knowledge_base_arn])


def check_urls(urls: Sequence[str]) -> None:
    """Refuse addresses that are not https.

    :raises InvalidValueError: naming the address.
    """
    for url in urls:
        if not url.startswith("https://") or len(url) < 12:
            raise InvalidValueError(f"{url} is no address with https", field="urls")


def _web(urls: Sequence[str], within: Scope, pages_per_minute: int, most_pages: int) -> dict[str, Any]:
    way = _SCOPES[within]
    return {
        "type": "WEB",
        "webConfiguration": {
            "sourceConfiguration": {"urlConfiguration": {"seedUrls": [{"url": each} for each in urls]}},
            "crawlerConfiguration": {
                "crawlerLimits": {"rateLimit": pages_per_minute, "maxPages": most_pages},
                **({"scope": way} if way else {}),
            },
        },
    }
