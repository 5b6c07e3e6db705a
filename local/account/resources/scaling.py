"""Application Auto Scaling as records: targets and policies are stored, nothing scales."""

from __future__ import annotations

from .base import Model, Resource, ServiceError, instances


class ScalableTarget(Resource):
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html"""

    type = "AWS::ApplicationAutoScaling::ScalableTarget"
    attributes = {"Id": "{ResourceId}|{ScalableDimension}|{ServiceNamespace}"}

    def create(self, model: Model) -> Model:
        if int(model["MinCapacity"]) > int(model["MaxCapacity"]):
            raise ServiceError("Minimum capacity cannot be greater than maximum capacity (Status Code: 400)")
        if model["ServiceNamespace"] == "sagemaker":
            kind, name = model["ResourceId"].split("/")[:2]
            scaled = {"endpoint": "Endpoint", "inference-component": "InferenceComponent"}.get(kind)
            if scaled is None or name not in {
                found[f"{scaled}Name"] for found in instances(f"AWS::SageMaker::{scaled}")
            }:
                raise ServiceError(f"SageMaker {kind} doesn't exist: {model['ResourceId']} (Status Code: 400)")
        return super().create(model)


class ScalingPolicy(Resource):
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html"""

    type = "AWS::ApplicationAutoScaling::ScalingPolicy"
    ref = "Arn"
    attributes = {
        "Arn": "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{token}:resource:policyName/{PolicyName}",
    }

    def create(self, model: Model) -> Model:
        targets = {found["Id"] for found in instances(ScalableTarget.type)}
        named = "|".join(str(model.get(key)) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        if model.get("ScalingTargetId", named) not in targets:
            raise ServiceError(f"No scalable target registered for {model.get('ScalingTargetId', named)}")
        return super().create(model)
