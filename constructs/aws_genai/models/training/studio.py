"""The workplace of data scientists, ML engineers and approvers, with a role for each persona."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.naming import lasting
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole
from ...foundation.statements import allow, deny, document
from ...gate.acknowledgement import acknowledge
from ..hosting.hosted_endpoint import region_of
from .options import PERSONAS, STUDIO_NAME, Persona, StudioOptions

#: Notebook instances give their users root access, and bypass the restrictions of spaces.
_NEVER = (
    "sagemaker:CreateNotebookInstance",
    "sagemaker:CreatePresignedNotebookInstanceUrl",
    "sagemaker:StartNotebookInstance",
    "sagemaker:UpdateNotebookInstance",
)
_DESCRIBE = ("DescribeApp", "DescribeDomain", "DescribeSpace", "DescribeUserProfile")
_LIST = (
    "ListApps",
    "ListDomains",
    "ListEndpoints",
    "ListModelPackageGroups",
    "ListPipelines",
    "ListSpaces",
    "ListTrainingJobs",
    "ListUserProfiles",
)


class Studio(Construct):
    """A SageMaker Studio domain without access to the internet, whose spaces stop when nobody uses them.

    Spaces reach the endpoints of the VPC only. Their disks are encrypted with your key, Docker access is disabled, and
    notebook outputs are not shared. There are three roles: data scientists train, ML engineers invoke and inspect
    endpoints, approvers sign data sets and approve versions. Who trains cannot approve. The domain's default execution
    role has no permissions, so neither has a profile without a persona. Sessions carry the name of the user profile as
    source identity, by which AWS CloudTrail distinguishes users of one persona.
    https://docs.aws.amazon.com/sagemaker/latest/dg/onboard-vpc.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitor-user-access.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Studio, StudioOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Studio", env=cdk.Environment(region="us-east-1"))
        Studio(
            stack,
            "Studio",
            foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
            name="demo",
            options=StudioOptions(people={"ann": "approver", "bob": "data-scientist"}),
        )
        app.synth()

    :param foundation: key and network.
    :param name: prefix of the domain's name, 1 to 63 letters, digits and hyphens.
    :param options: user profiles and spaces. Default: :class:`StudioOptions` without arguments.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: StudioOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        STUDIO_NAME.check(name)
        options = options or StudioOptions()
        idle_minutes, sign_on = options.idle_minutes, options.sign_on
        network, key = foundation.private_network, foundation.key
        key.allow_in_sagemaker()
        group = network.security_group(self, "Group", description=f"Studio {name}: no inbound rule")
        nobody = _person(self, "Nobody", f"Studio {name}: no permissions")
        stop = {
            "appLifecycleManagement": {
                "idleSettings": {
                    "lifecycleManagement": "ENABLED",
                    "idleTimeoutInMinutes": idle_minutes,
                    "minIdleTimeoutInMinutes": idle_minutes,
                    "maxIdleTimeoutInMinutes": idle_minutes,
                }
            }
        }
        settings = {
            "executionRole": nobody.role_arn,
            "securityGroups": [group.attr_group_id],
            "studioWebPortal": "ENABLED",
            "defaultLandingUri": "studio::",
            "jupyterLabAppSettings": stop,
            "codeEditorAppSettings": stop,
            "sharingSettings": {"notebookOutputOption": "Disabled"},
        }
        self.domain = sagemaker.CfnDomain(
            self,
            "Resource",
            domain_name=lasting(self, name, sign_on, key.key_id, network.cidr),
            auth_mode=sign_on,
            app_network_access_type="VpcOnly",
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids,
            kms_key_id=key.key_id,
            # Spaces have volumes of their own; users could exchange data through shared home directories.
            home_efs_file_system_creation="Disabled",
            tag_propagation="ENABLED",
            default_user_settings=settings,
            default_space_settings={"executionRole": nobody.role_arn, "securityGroups": [group.attr_group_id]},
            domain_settings={
                "executionRoleIdentityConfig": "USER_PROFILE_NAME",
                "dockerSettings": {"enableDockerAccess": "DISABLED"},
                "securityGroupIds": [group.attr_group_id],
            },
        )
        #: The role of each persona.
        self.roles: dict[Persona, WorkloadRole] = {
            persona: _person(self, persona.title().replace("-", ""), f"Studio {name}: {persona}")
            for persona in PERSONAS
        }
        self._everybody(options.instance_types, key)
        for person, persona in options.people.items():
            sagemaker.CfnUserProfile(
                self,
                f"Person{person.title()}",
                domain_id=self.domain.attr_domain_id,
                user_profile_name=person,
                single_sign_on_user_identifier="UserName" if sign_on == "SSO" else None,
                single_sign_on_user_value=person if sign_on == "SSO" else None,
                user_settings={"executionRole": self.roles[persona].role_arn, "securityGroups": [group.attr_group_id]},
            )

    def _everybody(self, types: Sequence[str], key: DataKey) -> None:
        """What every persona may do in the domain: use private spaces of the allowed types, and list resources.

        https://docs.aws.amazon.com/sagemaker/latest/dg/studio-updated-setup-permissions.html
        """
        place = f"arn:{PARTITION}:sagemaker:{region_of(self)}:{ACCOUNT_ID}"
        domain = self.domain.attr_domain_id
        own: dict[str, dict[str, object]] = {
            "ArnLike": {
                "sagemaker:OwnerUserProfileArn": f"{place}:user-profile/{domain}/${{sagemaker:UserProfileName}}"
            },
            "StringEquals": {"sagemaker:SpaceSharingType": "Private"},
        }
        spaces, apps = f"{place}:space/{domain}/*", f"{place}:app/{domain}/*"
        profiles = f"{place}:user-profile/{domain}/*"
        of_types: dict[str, dict[str, object]] = {
            **own,
            "ForAllValues:StringEquals": {"sagemaker:InstanceTypes": list(types)},
        }
        policy = iam.CfnManagedPolicy(
            self,
            "Everybody",
            description="Private spaces in the domain",
            roles=[role.role_name for role in self.roles.values()],
            policy_document=document(
                [
                    allow(
                        ["sagemaker:CreateSpace", "sagemaker:DeleteSpace", "sagemaker:UpdateSpace"],
                        [spaces],
                        conditions=own,
                    ),
                    allow(["sagemaker:DeleteApp"], [apps], conditions=own),
                    # Spaces and apps get the domain's tags when they are created. AddTags has no condition key for the
                    # owner, only one for the action that it is part of.
                    allow(
                        ["sagemaker:AddTags"],
                        [apps, spaces],
                        conditions={"Null": {"sagemaker:TaggingAction": "false"}},
                    ),
                    allow(["sagemaker:CreateApp"], [apps], conditions=of_types),
                    allow(
                        [f"sagemaker:{verb}" for verb in _DESCRIBE],
                        [f"{place}:domain/{domain}", profiles, spaces, apps],
                    ),
                    # Lists support no resource-level permissions:
                    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
                    allow([f"sagemaker:{verb}" for verb in _LIST], ["*"]),
                    allow(["kms:CreateGrant", "kms:DescribeKey"], [key.key_arn]),
                    deny(_NEVER, ["*"], principal=None, sid="NoMachineWithRoot"),
                ]
            ),
        )
        shown = "Resource::arn:<AWS::Partition>:sagemaker:" + f"{region_of(self)}:<AWS::AccountId>:"
        at = f"<{self.domain.stack.get_logical_id(self.domain)}.DomainId>"
        acknowledge(
            policy,
            "AwsSolutions-IAM5",
            finding=("Resource::*", *(f"{shown}{kind}/{at}/*" for kind in ("space", "app", "user-profile"))),
            reason="Users choose the names of their spaces, and lists support no resource-level permissions.",
            met_by="conditions on the owner and on private spaces of this domain; tags at creation only; lists show "
            "names only",
        )


def _person(scope: Construct, id: str, description: str) -> WorkloadRole:
    """A role that SageMaker assumes for user profiles, with the name of the profile as source identity."""
    who = iam.ServicePrincipal(
        "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
    )
    role = WorkloadRole(scope, id, assumed_by=who, description=description)
    trust = role.assume_role_policy
    assert trust is not None  # noqa: S101 - a new role has one
    trust.add_statements(iam.PolicyStatement(actions=["sts:SetSourceIdentity"], principals=[who]))
    return role
