"""A vector store in Aurora PostgreSQL that pauses while it is idle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from aws_cdk import (
    CfnCustomResource,
    Duration,
    RemovalPolicy,
    Stack,
    aws_cloudwatch as cloudwatch,
    aws_iam as iam,
    aws_rds as rds,
)
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.vector_table.names import CUSTOM, DATABASE, ID, METADATA, TEXT, VECTOR, table
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from .vector_store import check_dimension

#: Clusters scale to zero from 16.3:
#: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.how-it-works.html
_VERSION = "16.8"
_PORT = 5433


class AuroraStore(Construct):
    """An Aurora PostgreSQL cluster with pgvector, for one knowledge base. It pauses after five idle minutes.

    Nothing connects to it: its security group has no inbound rule, and both Bedrock and the function that creates the
    table use the RDS Data API. RDS creates, stores and rotates the password, encrypted with the customer managed key;
    the cluster holds this one table, so a second database user would protect nothing. Keywords are searched as well as
    vectors. The first call to a paused cluster fails, and about 15 seconds later it has resumed.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.VectorDB.html
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import AuroraStore

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        AuroraStore(
            stack,
            "Store",
            foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
            name="demo-handbook",
            dimension=1024,
        )
        app.synth()

    :param foundation: key, topic, network and retention. The network needs two Availability Zones or more.
    :param name: name that the descriptions of its resources refer to.
    :param dimension: number of dimensions of a vector, that of the embedding model: 1 to 2,000.
    :param max_capacity: maximum capacity in Aurora capacity units (ACUs) of about 2 GiB of memory: 1 to 256 in steps of
        0.5. Default: 4.
    :raises InvalidValueError: if the dimension or the capacity is out of range: pgvector does not index longer vectors.
    """

    hybrid: ClassVar[bool] = True

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        dimension: int,
        max_capacity: float = 4,
    ) -> None:
        super().__init__(scope, id)
        key, removal_policy = foundation.key, foundation.removal_policy
        check_dimension("An index of pgvector", dimension, MOST_DIMENSIONS["aurora"])
        if not 1 <= max_capacity <= 256 or max_capacity % 0.5:
            raise InvalidValueError(
                f"The capacity of a cluster is 1 to 256 ACUs in steps of 0.5, not {max_capacity}", field="max_capacity"
            )
        self.dimension = dimension
        self._key = key
        key.allow_in_rds()
        self.cluster = self._cluster(name, foundation, max_capacity)
        self.secret_arn: str = self.cluster.attr_master_user_secret_secret_arn
        monitor = self._monitor()
        instance = rds.CfnDBInstance(
            self,
            "Writer",
            db_instance_class="db.serverless",
            engine="aurora-postgresql",
            db_cluster_identifier=self.cluster.ref,
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
            enable_performance_insights=True,
            performance_insights_kms_key_id=key.key_arn,
            ca_certificate_identifier="rds-ca-rsa2048-g1",
            monitoring_interval=60,
            monitoring_role_arn=monitor.role_arn,
        )
        instance.apply_removal_policy(removal_policy)
        # RDS validates the role's permissions when it creates the instance.
        instance.node.add_dependency(monitor.permissions)
        acknowledge(
            instance,
            ("NIST.800.53.R5-RDSInBackupPlan", "HIPAA.Security-RDSInBackupPlan"),
            reason="Its rows are made from documents in S3, which the next ingestion makes anew.",
            met_by="backups of 35 days that the cluster itself keeps, to be restored to any second of them",
        )
        function = provider(
            Stack.of(self),
            "VectorTable",
            "vector_table",
            foundation=foundation,
            waits=True,
        )
        self._let_use(function.role)
        self.table = CfnCustomResource(self, "Table", service_token=function.function_arn)
        for property, value in (
            ("ClusterArn", self.cluster.attr_db_cluster_arn),
            ("SecretArn", self.secret_arn),
            ("Dimension", str(dimension)),
        ):
            self.table.add_property_override(property, value)
        self.table.add_property_override("ServiceTimeout", 3600)
        # A database that is retained keeps its table.
        self.table.apply_removal_policy(removal_policy)
        self.table.node.add_dependency(instance, function.role.permissions, function.resource)
        self.storage: dict[str, Any] = self._storage()
        self.made_of: Sequence[Any] = [dimension, key.key_arn]
        self.ready: Sequence[IDependable] = [self.table]

    def _cluster(
        self,
        name: str,
        foundation: Foundation,
        max_capacity: float,
    ) -> rds.CfnDBCluster:
        key, network, removal_policy = foundation.key, foundation.private_network, foundation.removal_policy
        subnets = rds.CfnDBSubnetGroup(
            self, "Subnets", db_subnet_group_description=f"Vectors of {name}", subnet_ids=network.subnet_ids
        )
        # No inbound rule: all calls use the Data API.
        group = network.security_group(self, "Group", description=f"Vectors of {name}")
        parameters = rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            description=f"Vectors of {name}",
            family=f"aurora-postgresql{_VERSION.partition('.')[0]}",
            parameters={"rds.force_ssl": "1", "log_statement": "ddl"},
        )
        kept = removal_policy is not RemovalPolicy.DESTROY
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            engine="aurora-postgresql",
            engine_version=_VERSION,
            database_name=DATABASE,
            port=_PORT,
            serverless_v2_scaling_configuration={
                "minCapacity": 0,
                "maxCapacity": max_capacity,
                "secondsUntilAutoPause": 300,
            },
            enable_http_endpoint=True,
            enable_iam_database_authentication=True,
            manage_master_user_password=True,
            master_username="knowledge_admin",
            master_user_secret={"kmsKeyId": key.key_arn},
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            backup_retention_period=35,
            copy_tags_to_snapshot=True,
            deletion_protection=kept,
            enable_cloudwatch_logs_exports=["postgresql"],
            db_subnet_group_name=subnets.ref,
            db_cluster_parameter_group_name=parameters.ref,
            vpc_security_group_ids=[group.attr_group_id],
        )
        # A protected cluster cannot be deleted when its first deployment fails. Without a name, it blocks no other.
        cluster.apply_removal_policy(RemovalPolicy.RETAIN if kept else removal_policy)
        if not kept:
            acknowledge(
                cluster,
                "AwsSolutions-RDS10",
                reason="The settings ask for a stack that can be deleted with all that is in it.",
                met_by="the documents in S3, of which the next ingestion makes every row anew",
            )
        return cluster

    def _monitor(self) -> WorkloadRole:
        """https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html"""
        role = WorkloadRole(
            self,
            "Monitor",
            assumed_by=iam.ServicePrincipal(
                "monitoring.rds.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        group = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:RDSOSMetrics"
        role.allow(("logs:CreateLogGroup", "logs:PutRetentionPolicy"), [group])
        role.allow(
            ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"),
            [f"{group}:log-stream:*"],
        )
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:RDSOSMetrics:log-stream:*",
            reason="RDS names a stream after the id of an instance, which is known once it runs.",
            met_by="the one log group of RDS's own monitoring in the statement",
        )
        return role

    def _let_use(self, grantee: iam.IGrantable) -> iam.Grant:
        given = grant(grantee, ["rds-data:ExecuteStatement"], [self.cluster.attr_db_cluster_arn])
        grant(grantee, ["secretsmanager:GetSecretValue"], [self.secret_arn])
        through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
        grant(grantee, ["kms:Decrypt"], [self._key.key_arn], conditions=through)
        return given

    def _storage(self) -> dict[str, Any]:
        fields = {
            "primaryKeyField": ID,
            "vectorField": VECTOR,
            "textField": TEXT,
            "metadataField": METADATA,
            "customMetadataField": CUSTOM,
        }
        return {
            "type": "RDS",
            "rdsConfiguration": {
                "resourceArn": self.cluster.attr_db_cluster_arn,
                "credentialsSecretArn": self.secret_arn,
                "databaseName": DATABASE,
                "tableName": table(self.dimension),
                "fieldMapping": fields,
            },
        }

    def metric_capacity(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Capacity in ACUs; 0 while the cluster is paused. Default: the average of 5 minutes.

        https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html
        """
        return cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name="ServerlessDatabaseCapacity",
            dimensions_map={"DBClusterIdentifier": self.cluster.ref},
            statistic=statistic,
            period=period,
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read and write the table through the Data API.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        given = self._let_use(grantee)
        grant(grantee, ["rds-data:BatchExecuteStatement"], [self.cluster.attr_db_cluster_arn])
        grant(grantee, ["rds:DescribeDBClusters"], [self.cluster.attr_db_cluster_arn])
        return given
