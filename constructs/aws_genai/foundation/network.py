"""A network without internet access, with VPC endpoints to named AWS services only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, Fn, RemovalPolicy, Tags, aws_ec2 as ec2, aws_iam as iam, aws_logs as logs
from constructs import Construct

from ..data.bedrock import BedrockCatalogue
from ..errors import InvalidValueError
from ..gate.acknowledgement import acknowledge, compliance
from .interface_policy import interface_policy
from .key import DataKey
from .pseudo import ACCOUNT_ID, PARTITION, REGION
from .role import WorkloadRole
from .statements import EVERYBODY, allow, document
from .subnets import letters, split

#: AWS-owned buckets that workloads in the network read: model artifacts, layers of container images, and packages of
#: Amazon Linux.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-use-studio-updated.html
#: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
#: https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html
AWS_OWNED_BUCKETS = (
    "jumpstart-cache-prod-{region}",
    "jumpstart-private-cache-prod-{region}",
    "prod-{region}-starport-layer-bucket",
    "al2023-repos-{region}-de612dc2",
)

#: Services besides S3 that have a gateway endpoint.
#: https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
GATEWAYS = frozenset({"dynamodb"})


class PrivateNetwork(Construct):
    """A VPC with one private subnet per zone, flow logs, and VPC endpoints for the named services only.

    There is no internet gateway, no NAT gateway and no peering connection: a service without an endpoint cannot be
    reached. Endpoint policies allow principals of this account only, and the S3 endpoint allows only buckets of the
    account and the AWS-owned buckets that hold model artifacts and image layers. S3 and DynamoDB have gateway
    endpoints, which are free of charge: an interface endpoint for DynamoDB does not support private DNS, so SDKs would
    not use it.
    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Network")
        key = DataKey(stack, "Key", description="Flow logs")
        key.allow_logs()
        PrivateNetwork(
            stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key, services=["bedrock-runtime"]
        )
        app.synth()

    :param zones: The names of the Availability Zones. Each has one subnet, an eighth of the range that the zone's
        letter selects, so that adding or removing a zone does not replace the subnets of others. Single-zone resources
        are created in the first.
    :param key: The key that encrypts the flow logs.
    :param cidr: The IPv4 CIDR block of the VPC. Default: 10.0.0.0/16.
    :param services: The names of the services to create VPC endpoints for, such as ``bedrock-runtime``. S3 always has
        one. Default: none.
    :param models: The ids of the models that the ``bedrock-runtime`` endpoint allows. Default: any.
    :param registries: Further accounts from whose Amazon ECR repositories container images can be pulled, such as that
        of AWS Deep Learning Containers. Default: none.
    :param flow_log_days: Number of days to retain flow logs. Default: 365.
    :param removal_policy: The removal policy of the flow logs when the stack is deleted. Default: retain.
    :raises InvalidValueError: if the range is no network or does not hold the subnets, or a zone has no letter of its
        own.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        zones: Sequence[str],
        key: DataKey,
        cidr: str = "10.0.0.0/16",
        services: Sequence[str] = (),
        registries: Sequence[str] = (),
        models: Sequence[str] = (),
        flow_log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self._registries = sorted(registries)
        self._models = sorted({BedrockCatalogue.get(model).model_id for model in models})
        ranges = split(cidr, zones)
        vpc = ec2.CfnVPC(self, "Vpc", cidr_block=cidr, enable_dns_hostnames=True, enable_dns_support=True)
        Tags.of(vpc).add("Name", self.node.path)
        self.subnet_ids: list[str] = []
        table_ids: list[str] = []
        for zone, subnet_range, letter in zip(zones, ranges, letters(zones), strict=True):
            # The logical id depends on the zone, not on its position in the list, so that a zone can be added or
            # removed alone.
            name = letter.upper()
            subnet = ec2.CfnSubnet(
                self,
                f"Subnet{name}",
                vpc_id=vpc.ref,
                availability_zone=zone,
                cidr_block=subnet_range,
                map_public_ip_on_launch=False,
            )
            Tags.of(subnet).add("Name", f"{self.node.path}/{zone}")
            acknowledge(
                subnet,
                "W3010",
                reason="Accelerated capacity and reservations exist in some zones only, so the zone is chosen by name.",
                met_by="the zones argument, which the user sets",
            )
            table = ec2.CfnRouteTable(self, f"Routes{name}", vpc_id=vpc.ref)
            ec2.CfnSubnetRouteTableAssociation(
                self, f"Association{name}", subnet_id=subnet.ref, route_table_id=table.ref
            )
            self.subnet_ids.append(subnet.ref)
            table_ids.append(table.ref)
        self.vpc_id: str = vpc.ref
        self.zones = list(zones)
        self._table_ids = table_ids
        #: The IPv4 CIDR block of the VPC.
        self.cidr = cidr
        acknowledge(
            vpc,
            compliance("VPCDefaultSecurityGroupClosed"),
            reason="The rule reports every VPC because templates cannot show the default group; nothing here uses it.",
            met_by="a network without any gateway, in which every interface names a group of its own",
        )
        self._flow_logs(key, flow_log_days, removal_policy)
        self._s3()
        for service in sorted(set(services) & GATEWAYS):
            self._gateway(service.title(), service, interface_policy(service, (), ()))
        if interfaces := sorted(set(services) - GATEWAYS - {"s3"}):
            self._interfaces(interfaces)
        self._vpc: ec2.IVpc | None = None

    @staticmethod
    def from_vpc(
        scope: Construct,
        id: str,
        vpc: ec2.IVpc,
        *,
        subnets: Mapping[str, str] | None = None,
        s3_endpoint_id: str | None = None,
    ) -> PrivateNetwork:
        """Import an existing VPC. Only security groups are created in it, and nothing is looked up.

        It must have a VPC endpoint for each service that is called from inside it, or another route to AWS; the
        constructs determine which services. You manage its flow logs and endpoint policies.
        https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html

        :param vpc: The VPC, such as ``ec2.Vpc.from_vpc_attributes(...)``.
        :param subnets: The ids of the subnets to use, by Availability Zone. Default: the isolated subnets of ``vpc``,
            or if it has none, its private subnets.
        :param s3_endpoint_id: The id of its gateway endpoint for Amazon S3. If set, weights and data sets can be read
            through this endpoint only. Default: IAM alone decides who can read them.
        :raises InvalidValueError: if there is no subnet.
        """
        return _GivenNetwork(scope, id, vpc, subnets, s3_endpoint_id)

    @property
    def vpc(self) -> ec2.IVpc:
        """The network as ``ec2.IVpc``, for L2 constructs."""
        if self._vpc is None:
            self._vpc = ec2.Vpc.from_vpc_attributes(
                self,
                "Imported",
                vpc_id=self.vpc_id,
                vpc_cidr_block=self.cidr,
                availability_zones=self.zones,
                isolated_subnet_ids=self.subnet_ids,
                isolated_subnet_route_table_ids=self._table_ids,
            )
        return self._vpc

    def security_group(self, scope: Construct, id: str, *, description: str) -> ec2.CfnSecurityGroup:
        """A security group without inbound rules that allows outbound HTTPS only, and so only VPC endpoints."""
        # Gateway endpoints use the public addresses of S3 and DynamoDB. Their prefix lists differ by Region and need a
        # lookup; the VPC has no route to any other public address.
        return ec2.CfnSecurityGroup(
            scope,
            id,
            group_description=description,
            vpc_id=self.vpc_id,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    cidr_ip="0.0.0.0/0",
                    description="HTTPS to the endpoints of the VPC; no other route exists",
                ),
            ],
        )

    def _flow_logs(self, key: DataKey, days: int, removal_policy: RemovalPolicy) -> None:
        key.allow_logs()
        group = logs.CfnLogGroup(self, "FlowLogs", kms_key_id=key.key_arn, retention_in_days=days)
        group.apply_removal_policy(removal_policy)
        role = WorkloadRole(
            self,
            "FlowLogsRole",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
            ),
        )
        role.allow(
            ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            [group.attr_arn],
        )
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.attr_arn,
            deliver_logs_permission_arn=role.role_arn,
            max_aggregation_interval=60,
        )

    def _s3(self) -> None:
        compact = Fn.join("", Fn.split("-", REGION))
        own = {"aws:PrincipalAccount": ACCOUNT_ID, "aws:ResourceAccount": ACCOUNT_ID}
        policy = [
            allow(["s3:*"], ["*"], sid="OwnBuckets", principal=EVERYBODY, conditions={"StringEquals": own}),
            allow(
                ["s3:GetObject", "s3:ListBucket"],
                list(_aws_owned_arns()),
                sid="AwsOwnedModels",
                principal=EVERYBODY,
            ),
            # Custom resources send their responses to CloudFormation to these buckets:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-vpce-bucketnames.html
            allow(
                ["s3:PutObject"],
                [f"arn:{PARTITION}:s3:::cloudformation-custom-resource-response-{compact}/*"],
                sid="CloudFormationAnswers",
                principal=EVERYBODY,
            ),
        ]
        #: The id of the gateway endpoint for S3.
        self.s3_endpoint_id: str | None = self._gateway("S3", "s3", document(policy)).ref

    def _gateway(self, id: str, service: str, policy: dict[str, Any]) -> ec2.CfnVPCEndpoint:
        return ec2.CfnVPCEndpoint(
            self,
            id,
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{REGION}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=self._table_ids,
            policy_document=policy,
        )

    def _interfaces(self, services: Iterable[str]) -> None:
        group = ec2.CfnSecurityGroup(
            self,
            "EndpointGroup",
            group_description="HTTPS from the VPC to its interface endpoints",
            vpc_id=self.vpc_id,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    cidr_ip=self.cidr,
                    description="HTTPS from the VPC",
                )
            ],
            # A security group without egress rules would get the AWS default, which allows all outbound traffic.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="icmp",
                    from_port=252,
                    to_port=86,
                    cidr_ip="255.255.255.255/32",
                    description="No outbound traffic: endpoints only answer",
                )
            ],
        )
        group_ids = [group.attr_group_id]
        for service in services:
            ec2.CfnVPCEndpoint(
                self,
                "".join(part.title() for part in service.replace(".", "-").split("-")),
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{REGION}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.subnet_ids,
                security_group_ids=group_ids,
                policy_document=interface_policy(service, self._registries, self._models),
            )


class _GivenNetwork(PrivateNetwork):
    """An existing VPC that the user imports."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        vpc: ec2.IVpc,
        subnets: Mapping[str, str] | None,
        s3_endpoint_id: str | None,
    ) -> None:
        Construct.__init__(self, scope, id)
        known = [*vpc.isolated_subnets, *vpc.private_subnets]
        chosen = vpc.isolated_subnets or vpc.private_subnets
        found = dict(subnets or {}) or {each.availability_zone: each.subnet_id for each in chosen}
        for each in known:
            Annotations.of(each).acknowledge_warning(
                "@aws-cdk/aws-ec2:noSubnetRouteTableId", "Nothing is routed here, so no route table is needed."
            )
        if not found:
            raise InvalidValueError(
                "The VPC has neither isolated nor private subnets that this app knows of",
                field="subnets",
                hint='Pass subnets={"us-east-1a": "subnet-...", ...}',
            )
        self._vpc = vpc
        self.vpc_id = vpc.vpc_id
        self.zones = list(found)
        self.subnet_ids = list(found.values())
        # The value that identifies the network in names that change with it.
        self.cidr = vpc.vpc_id
        self.s3_endpoint_id = s3_endpoint_id


def let_reach(
    scope: Construct,
    name: str,
    source: ec2.CfnSecurityGroup,
    target: ec2.CfnSecurityGroup,
    *,
    description: str,
    ports: tuple[int, int] | None = None,
) -> ec2.CfnSecurityGroupIngress:
    """Allow traffic from one security group to another, or within the same. Return the inbound rule.

    :param ports: The first and the last TCP port. Default: all protocols and ports.
    """
    suffix = str(ports[0]) if ports else ""
    source_id = source.attr_group_id
    target_id = source_id if target is source else target.attr_group_id
    shared: dict[str, Any] = {"ip_protocol": "tcp" if ports else "-1", "description": description}
    if ports:
        shared |= {"from_port": ports[0], "to_port": ports[1]}
    ec2.CfnSecurityGroupEgress(
        scope,
        f"{name}Out{suffix}",
        group_id=source_id,
        destination_security_group_id=target_id,
        **shared,
    )
    return ec2.CfnSecurityGroupIngress(
        scope,
        f"{name}In{suffix}",
        group_id=target_id,
        source_security_group_id=source_id,
        **shared,
    )


def _aws_owned_arns() -> Iterable[str]:
    for bucket in AWS_OWNED_BUCKETS:
        arn = f"arn:{PARTITION}:s3:::" + bucket.format(region=REGION)
        yield arn
        yield f"{arn}/*"
