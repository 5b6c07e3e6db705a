"""CloudFormation's pseudo parameters, resolved through the CDK once instead of at every use.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
"""

from aws_cdk import Aws

ACCOUNT_ID: str = Aws.ACCOUNT_ID
PARTITION: str = Aws.PARTITION
REGION: str = Aws.REGION
STACK_ID: str = Aws.STACK_ID
URL_SUFFIX: str = Aws.URL_SUFFIX
