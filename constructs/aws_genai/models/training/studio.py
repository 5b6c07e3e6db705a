"""Where data scientists, ML engineers and approvers work, each with a role of their own kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from aws_cdk import aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...errors import InvalidValueError, nearest
from ...foundation.key import DataKey
from ...foundation.naming import lasting
from ...foundation.network import PrivateNetwork
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole
from ...foundation.statements import allow, deny, document
from ...gate.acknowledgement import acknowledge
from ..hosting.hosted_endpoint import region_of

Persona = Literal["data-scientist", "ml-engineer", "approver"]
PERSONAS: tuple[Persona, ...] = get_args(Persona)
#: Small Nitro-based types for notebooks; training runs in jobs.
NOTEBOOKS = ("ml.t3.medium", "ml.t3.large", "ml.m5.large", "ml.m5.xlarge")
#: What a notebook must never get around: machines with root, and jobs beside the pipelines.
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
    """A SageMaker domain without a way to the internet, in which spaces stop when nobody uses them.

    Spaces reach the endpoints of the VPC only, their disks are encrypted under your key, Docker is off, results of
    notebooks are not shared. There are three roles: data scientists train, ML engineers call endpoints and read what
    runs, approvers sign data sets and approve versions; who trains cannot approve. The domain's own role may nothing,
    so that a profile without a persona may nothing either. Sessions carry the name of the profile as source identity,
    by which CloudTrail tells people of one persona apart.
    https://docs.aws.amazon.com/sagemaker/latest/dg/onboard-vpc.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitor-user-access.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Studio
        from aws_genai.foundation import CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Studio", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Notebooks")
        Studio(
            stack,
            "Studio",
            name="demo",
            people={"ann": "approver", "bob": "data-scientist"},
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
        )
        app.synth()

    :param name: what the domain's name begins with, 1 to 63 letters, digits and hyphens.
    :param network: where spaces run.
    :param key: encrypts their disks.
    :param people: the persona of each user profile, named as the user signs in. Default: nobody yet.
    :param idle_minutes: minutes without use after which a space stops, 60 to 525,600. Default: 60.
    :param instance_types: types that spaces run on. Default: small ones without an accelerator.
    :param sign_on: whether users come from IAM Identity Center (``SSO``) or from IAM. Default: IAM.
    :raises InvalidValueError: if a persona is not known, or the minutes are out of range.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        network: PrivateNetwork,
        key: DataKey,
        people: Mapping[str, Persona] | None = None,
        idle_minutes: int = 60,
        instance_types: Sequence[str] = NOTEBOOKS,
        sign_on: Literal["IAM", "SSO"] = "IAM",
    ) -> None:
        super().__init__(scope, id)
        people = people or {}
        check_people(people, idle_minutes)
        key.allow_in_sagemaker()
        group = network.security_group(self, "Group", description=f"Studio {name}: no inbound rule")
        nobody = _person(self, "Nobody", f"Studio {name}: may nothing")
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
            # Spaces have disks of their own; a shared home directory would be one more way between people.
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
        self._everybody(instance_types, key)
        for person, persona in people.items():
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
        """What every persona may in the domain: have private spaces of the allowed types, and read what there is.

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
                    # Spaces and apps get the domain's tags when they are made; tagging knows nothing of owners, only of
                    # the action that it comes with.
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
                    # Lists take no resource: service-authorization/latest/reference/list_amazonsagemaker.html
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
            reason="People name their own spaces, and lists take no resource.",
            met_by="conditions on the owner and on private spaces of this domain; tags where one is made only; lists "
            "show names only",
        )


def check_people(people: Mapping[str, str], idle_minutes: int) -> None:
    """Refuse people without a known persona, and spaces that never stop.

    :raises InvalidValueError: naming the person or the field.
    """
    for person, persona in people.items():
        if persona not in PERSONAS:
            raise InvalidValueError(f"{person} is {persona}", field="people", hint=nearest(persona, PERSONAS))
    if not 60 <= idle_minutes <= 525_600:
        raise InvalidValueError(
            f"A space stops after 60 to 525,600 minutes without use, not {idle_minutes}", field="idle_minutes"
        )


def _person(scope: Construct, id: str, description: str) -> WorkloadRole:
    """A role that SageMaker takes for a user profile, whose name it sets as source identity."""
    who = iam.ServicePrincipal(
        "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
    )
    role = WorkloadRole(scope, id, assumed_by=who, description=description)
    trust = role.assume_role_policy
    assert trust is not None  # noqa: S101 - a new role has one
    trust.add_statements(iam.PolicyStatement(actions=["sts:SetSourceIdentity"], principals=[who]))
    return role
