"""Names of SageMaker's hubs, which the function and the construct share."""

#: https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-fine-tune.html
PUBLIC_HUB = "SageMakerPublicHub"
