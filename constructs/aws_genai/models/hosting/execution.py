"""The permissions that SageMaker's execution roles need in a VPC.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

from __future__ import annotations

#: SageMaker refuses a VPC unless the role has all of these, without conditions and on all resources.
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
#: The action supports no resource-level permissions; the condition limits its namespace.
METRICS = "cloudwatch:PutMetricData"
METRICS_ONLY = {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
#: Why wildcards remain, and what limits them.
WILDCARDS = (
    "The registry token, metrics and SageMaker's check of its VPC permissions support no resource-level permissions."
)
WILDCARDS_MET_BY = "the namespace of the metrics, and the isolated subnets and the closed group that the jobs name"
