"""Standalone security group rules, and placement groups, in the emulator's own EC2."""

from __future__ import annotations

from ministack.core.responses import new_uuid
from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from .base import Model, Resource, ServiceError


class _Rule(Resource):
    """A rule of a security group that another resource creates."""

    service = True
    #: The attribute in which the group stores rules of this direction.
    store = ""

    def create(self, model: Model) -> Model:
        group = ec2._security_groups.get(model["GroupId"])
        if group is None:
            raise ServiceError(f"The security group '{model['GroupId']}' does not exist (Service: Ec2)")
        rule = self._rule(model)
        if rule in group.setdefault(self.store, []):
            raise ServiceError(f"the specified rule already exists in {model['GroupId']} (Service: Ec2)")
        group[self.store].append(rule)
        return {**model, "Id": f"sgr-{new_uuid().replace('-', '')[:17]}"}

    def update(self, old: Model, new: Model) -> Model:
        rules = ec2._security_groups[new["GroupId"]][self.store]
        rules[rules.index(self._rule(old))] = self._rule(new)
        return new

    def delete(self, model: Model) -> None:
        group = ec2._security_groups.get(model["GroupId"])
        if group is not None and self._rule(model) in group[self.store]:
            group[self.store].remove(self._rule(model))

    def _rule(self, model: Model) -> Model:
        (rule,) = provisioners._ec2_sg_permissions([model])
        made: Model = rule
        return made


class SecurityGroupIngress(_Rule):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html"""

    type = "AWS::EC2::SecurityGroupIngress"
    store = "IpPermissions"


class SecurityGroupEgress(_Rule):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html"""

    type = "AWS::EC2::SecurityGroupEgress"
    store = "IpPermissionsEgress"


class PlacementGroup(Resource):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreatePlacementGroup.html"""

    type = "AWS::EC2::PlacementGroup"
    service = True

    def create(self, model: Model) -> Model:
        # CloudFormation generates the name; templates cannot set it.
        name = f"placement-{new_uuid()}"
        ec2._create_placement_group({"GroupName": [name], "Strategy": [model.get("Strategy", "cluster")]})
        return {**model, "GroupName": name, "GroupId": ec2._placement_groups[name]["GroupId"]}

    def delete(self, model: Model) -> None:
        ec2._delete_placement_group({"GroupName": [model["GroupName"]]})

    def tag(self, model: Model) -> None:
        ec2._tags[model["GroupId"]] = [dict(tag) for tag in model.get("Tags", [])]
