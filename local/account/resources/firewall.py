"""Associations and logging of a web ACL, which ``web_acls`` applies."""

from __future__ import annotations

from ministack.services import waf

from .base import Model, Resource, ServiceError, answer


class WebAclAssociation(Resource):
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html"""

    type = "AWS::WAFv2::WebACLAssociation"
    service = True

    def create(self, model: Model) -> Model:
        answer(waf._associate_web_acl(model))
        return model

    def delete(self, model: Model) -> None:
        answer(waf._disassociate_web_acl(model))


class LoggingConfiguration(Resource):
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_PutLoggingConfiguration.html"""

    type = "AWS::WAFv2::LoggingConfiguration"
    attributes = {"ManagedByFirewallManager": "false"}

    def create(self, model: Model) -> Model:
        # https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html
        if not all(":aws-waf-logs-" in destination for destination in model["LogDestinationConfigs"]):
            raise ServiceError("The name of a destination of WAF logs must begin with aws-waf-logs- (Service: Wafv2)")
        _, error = waf._resolve_local_web_acl(model["ResourceArn"])
        if error:
            answer(error)
        return super().create(model)
