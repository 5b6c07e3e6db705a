"""Further sources of a knowledge base: web pages, and documents that programs ingest."""

from __future__ import annotations

import re

from aws_cdk import (
    Stack,
    aws_bedrock as bedrock,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_scheduler as scheduler,
)
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.naming import lasting
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import WorkloadRole, grant
from ...functions.chunk_screen.environment import Environment
from ...functions.knowledge_ingestion.names import QUARANTINE, SCREENING
from ...packaging.python_function import PythonFunction
from .knowledge_base import KnowledgeBase
from .options import Chunking, Source, WebSource

#: Part of object keys and of the name of a data source.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class ScreenedSource(Construct):
    """A further source of a knowledge base, whose chunks a function screens before they are indexed.

    A :class:`Source` is a custom data source: programs ingest documents with IngestKnowledgeBaseDocuments. A
    :class:`WebSource` is read by Bedrock's web crawler, on a schedule. Neither passes the bucket of documents, so a
    function screens every chunk: chunks that give instructions to a model, or that the knowledge base's guardrail would
    block, go to ``quarantine/`` together with the reasons; the others get metadata that names the groups that may read
    them and their origin.
    https://docs.aws.amazon.com/bedrock/latest/userguide/webcrawl-data-source-connector.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/custom-data-source-connector.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-custom-transformation.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import KnowledgeBase, KnowledgeBaseOptions, ScreenedSource, Source, WebSource

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        base = KnowledgeBase(
            stack,
            "Handbook",
            foundation=foundation,
            name="demo-handbook",
            options=KnowledgeBaseOptions(sources={"policies": Source(groups=["staff"])}),
        )
        ScreenedSource(
            stack,
            "Site",
            foundation=foundation,
            base=base,
            name="site",
            options=WebSource(urls=["https://docs.example.com/"], groups=["staff"]),
        )
        app.synth()

    :param foundation: topic, network and retention; the key is that of the knowledge base.
    :param base: the knowledge base.
    :param name: name of the source: 1 to 32 lower-case letters, digits, hyphens and underscores.
    :param options: the groups that may read the documents of the source, and what the crawler reads.
    :param chunking: how documents are split into chunks; without a function of your own. Default: that of the knowledge
        base.
    :raises InvalidValueError: if the name has other characters, or a function is to split documents.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        base: KnowledgeBase,
        name: str,
        options: Source | WebSource,
        chunking: Chunking | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"{name!r} is not a name of a source",
                field="name",
                hint="Use 1 to 32 lower-case letters, digits, hyphens and underscores",
            )
        chunking = chunking or base.options.chunking
        if chunking.function_arn:
            raise InvalidValueError(
                "A function already screens the chunks of this source, and Bedrock allows one",
                field="chunking",
                hint="Pass chunking=, without function_arn",
            )
        self.base = base
        place = f"{SCREENING}{name}/"
        guardrail, web = base.guardrail, options if isinstance(options, WebSource) else None
        self.function = PythonFunction(
            self,
            "Screen",
            folder="chunk_screen",
            include=("documents", "knowledge_ingestion", "untrusted", "waking"),
            foundation=foundation.but(key=base.key),
            environment=Environment(
                SOURCE=name,
                GROUPS=sorted(options.groups),
                GUARDRAIL_ID=guardrail.guardrail_id if guardrail else None,
                GUARDRAIL_VERSION=guardrail.version if guardrail else None,
            ),
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=5,
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
        chunked = chunking.configuration()
        self.resource = bedrock.CfnDataSource(
            self,
            "Resource",
            name=lasting(self, f"{base.name}-{name}", chunked, web is not None, longest=100),
            knowledge_base_id=base.knowledge_base_id,
            data_deletion_policy="DELETE",
            data_source_configuration=web.configuration() if web else {"type": "CUSTOM"},
            server_side_encryption_configuration={"kmsKeyArn": base.key.key_arn},
            vector_ingestion_configuration={
                "chunkingConfiguration": chunked,
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
        if web:
            self._crawl(web.days)

    def _crawl(self, days: int) -> None:
        """Start crawls through the intake, which waits while a database resumes: a direct call would fail.

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

    def grant_ingest(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` ingest documents into a custom source, and delete them.

        While an Aurora database is paused, the first call fails with a ValidationException, "is resuming after being
        auto-paused": retry it after 10 to 30 seconds.
        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-direct-ingestion.html
        """
        actions = ["bedrock:DeleteKnowledgeBaseDocuments", "bedrock:IngestKnowledgeBaseDocuments"]
        return grant(grantee, [*actions, "bedrock:StartIngestionJob"], [self.base.knowledge_base_arn])
