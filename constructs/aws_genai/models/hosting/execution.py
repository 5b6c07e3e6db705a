"""What SageMaker's execution roles need wherever they run something in a VPC.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

from __future__ import annotations

#: SageMaker refuses a VPC unless its role may do all of these without a condition or a named resource.
IN_VPC = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LOG = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
#: The action takes no resource; its namespace says what it is for.
METRICS = "cloudwatch:PutMetricData"
METRICS_ONLY = {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
#: Why wildcards remain, and what bounds them.
WILDCARDS = (
    "The registry token, metrics and SageMaker's check of its VPC permissions take no resource, so AWS accepts only a "
    "wildcard."
)
WILDCARDS_MET_BY = "the namespace of the metrics, and the isolated subnets and the closed group that the jobs name"
