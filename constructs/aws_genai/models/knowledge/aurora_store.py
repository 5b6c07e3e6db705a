"""Vectors in a database of PostgreSQL that sleeps while nobody asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack, aws_iam as iam, aws_rds as rds
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.vector_table.names import CUSTOM, DATABASE, ID, METADATA, TEXT, VECTOR, table
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from .vector_store import check_length

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

#: From 16.3 on, clusters scale to nothing:
#: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.how-it-works.html
_VERSION = "16.8"
_PORT = 5433


class AuroraStore(Construct):
    """An Aurora PostgreSQL cluster with pgvector, for one knowledge base: it sleeps after five minutes without a call.

    Nothing connects to it: no rule of its security group lets anybody in, and both Bedrock and the function that makes
    the table use the Data API. Its password is made, kept and rotated by RDS, encrypted with the customer key; the
    cluster holds this one table, so a second user would keep nothing from anybody. Words are searched beside vectors.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.VectorDB.html
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import AuroraStore
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Vectors")
        key.allow_logs()
        AuroraStore(
            stack,
            "Store",
            name="demo-handbook",
            dimension=1024,
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
        )
        app.synth()

    :param name: what the descriptions of its parts say.
    :param dimension: numbers of a vector, as many as the embedding model makes, 1 to 2,000.
    :param key: encrypts storage, password and logs.
    :param topic: receives calls of the function that failed.
    :param network: subnets of two zones, in which the database lies.
    :param most_capacity: largest capacity in ACUs, each about 2 GiB of memory, 1 to 256. Default: 4.
    :param functions_network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that the function's logs are kept. Default: 365.
    :param removal_policy: what happens to the database on deletion of the stack. Default: retain.
    :raises InvalidValueError: if the dimension is out of range: longer vectors have no index.
    """

    hybrid: ClassVar[bool] = True

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        dimension: int,
        key: DataKey,
        topic: AlarmTopic,
        network: PrivateNetwork,
        most_capacity: float = 4,
        functions_network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        check_length("An index of pgvector", dimension, MOST_DIMENSIONS["aurora"])
        self.dimension = dimension
        self._key = key
        key.allow_in_rds()
        self.cluster = self._cluster(name, key, network, most_capacity, removal_policy)
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
        # RDS looks at the role's permissions when it makes the instance.
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
            key=key,
            topic=topic,
            network=functions_network,
            log_days=log_days,
            removal_policy=removal_policy,
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
        # A database that stays keeps its table.
        self.table.apply_removal_policy(removal_policy)
        self.table.node.add_dependency(instance, function.role.permissions, function.resource)
        self.storage: dict[str, Any] = self._storage()
        self.made_of: Sequence[Any] = [dimension, key.key_arn]
        self.ready: Sequence[IDependable] = [self.table]

    def _cluster(
        self,
        name: str,
        key: DataKey,
        network: PrivateNetwork,
        most_capacity: float,
        removal_policy: RemovalPolicy,
    ) -> rds.CfnDBCluster:
        subnets = rds.CfnDBSubnetGroup(
            self, "Subnets", db_subnet_group_description=f"Vectors of {name}", subnet_ids=network.subnet_ids
        )
        # Nobody connects: the Data API does.
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
                "maxCapacity": most_capacity,
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
        # A cluster that is protected cannot be deleted when its first deploy fails; it has no name to be in the way.
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

    def _let_use(self, role: iam.IRole) -> None:
        grant(role, ["rds-data:ExecuteStatement"], [self.cluster.attr_db_cluster_arn])
        grant(role, ["secretsmanager:GetSecretValue"], [self.secret_arn])
        through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
        grant(role, ["kms:Decrypt"], [self._key.key_arn], conditions=through)

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

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` read and write the table through the Data API.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        self._let_use(role)
        grant(role, ["rds-data:BatchExecuteStatement"], [self.cluster.attr_db_cluster_arn])
        grant(role, ["rds:DescribeDBClusters"], [self.cluster.attr_db_cluster_arn])
