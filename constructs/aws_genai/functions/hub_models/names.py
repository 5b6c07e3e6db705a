"""Names of SageMaker hubs, shared by the function and the construct."""

#: https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-fine-tune.html
PUBLIC_HUB = "SageMakerPublicHub"
