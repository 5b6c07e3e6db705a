"""All settings of one environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from aws_genai.application.kinds import check_code_region, check_images_scanned, drawing
from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.data.bedrock import BedrockCatalogue, check_chat, check_destinations, check_model, proposed
from aws_genai.data.cluster import check_governed, registries as cluster_registries
from aws_genai.data.concurrency import check_reserved
from aws_genai.data.customization import check_customized_in
from aws_genai.data.geographies import GUARDRAILS, routed
from aws_genai.data.regional import check_region
from aws_genai.errors import InvalidValueError, below, nearest, reported_at
from aws_genai.foundation.options import COST_TAGS, NetworkOptions
from aws_genai.options import AccountId, Options, TagKey, TagValue, Word, text

from .application import Application, Assistant, Chat
from .bedrock import Bedrock
from .compute import Compute
from .models import Models
from .names import check_lengths, check_unique
from .security import Budget, Security


def _no_budget(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    return {"monthly_usd": None} if value is None else value


class Settings(Options):
    """The settings of one environment: account, Region, cost allocation, and layers."""

    project: Word
    """Name of the project. Prefix of the names of resources."""

    environment: Word
    """Name of the environment. It is the name of the file."""

    account: AccountId | None = None
    """Id of the AWS account, 12 digits in quotes. Default: the account of the credentials that deploy."""

    region: str
    """The AWS Region to deploy to, such as us-east-1."""

    owner: TagValue
    """The team that is responsible for the resources. Value of a cost allocation tag."""

    cost_center: TagValue
    """The cost center that the resources are charged to. Value of a cost allocation tag."""

    tags: Annotated[dict[TagKey, TagValue], Field(max_length=40)] = {}
    """Additional tags for every resource, such as those that your organization requires. Maximum: 40."""

    bootstrap_qualifier: Annotated[str, text(r"^[A-Za-z0-9]{1,10}$", "have 1 to 10 letters and digits")] | None = None
    """Qualifier of the bootstrap stack to deploy with. Default: hnb659fds, the CDK's default."""

    trial: bool = False
    """Whether the local account creates stand-ins for existing buckets that these settings name. It has no effect on
    AWS."""

    budget: Annotated[Budget, BeforeValidator(_no_budget)] = Budget()
    """The monthly cost budget. null: none, and no email addresses for alarms."""

    security: Security = Security()
    """Compliance, encryption, audit and retention for all layers."""

    network: NetworkOptions | None = None
    """The VPC. Required by fleets, endpoints and private functions."""

    compute: Compute | None = None
    """Layer 1: accelerated compute."""

    models: Models | None = None
    """Layer 2: models."""

    application: Application | None = None
    """Layer 3: applications."""

    @property
    def prefix(self) -> str:
        """Prefix of the names of resources."""
        return f"{self.project}-{self.environment}"

    @property
    def needs_network(self) -> bool:
        """Whether any layer runs in the VPC."""
        return bool(
            self.compute
            or (self.models and self.models.needs_network)
            or (self.security.private_functions and self.application and self.application.chat)
            or (self.application and self.application.chat and self.application.chat.in_network)
            or (self.security.private_functions and self.models and self.models.has_functions)
        )

    @field_validator("models", mode="before")
    @classmethod
    def _callable(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever the file holds
        """Reject models that the Region cannot call, before checks run that do not know the Region."""
        region, known = info.data.get("region"), BedrockCatalogue.names()
        found = at(value, "bedrock", "models")
        allowed = [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
        for model in allowed if region else ():
            if model not in known:
                reason = f"{model} is not a Bedrock model or inference profile that this catalogue knows"
                raise InvalidValueError(reason, field="models.bedrock.models", hint=proposed(model, region))
            with below("models.bedrock"):
                check_model(model, region)
        excluded = at(value, "bedrock", "enforce", "excluded")
        for model in excluded if region and isinstance(excluded, list) else ():
            if isinstance(model, str) and model not in known:
                reason = f"{model} is not a Bedrock model or inference profile that this catalogue knows"
                raise InvalidValueError(reason, field="models.bedrock.enforce.excluded", hint=proposed(model, region))
        for path, model in asked(value) if region else ():
            if model not in known:
                reason = f"{model} is not among models.bedrock.models"
                hint = nearest(model, allowed) if allowed else "Add it there, if the Region can call it"
                raise InvalidValueError(reason, field=f"models.{path}", hint=hint)
        return value

    @field_validator("application", mode="before")
    @classmethod
    def _offered(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever the file holds
        """Reject models of the chat that are not allowed, before another check proposes models of the catalog."""
        models = info.data.get("models")
        allowed: list[str] = models.bedrock.models if models and models.bedrock else []
        assistants = at(value, "assistants")
        names = (
            [("chat",), *(("assistants", str(name)) for name in assistants)]
            if isinstance(assistants, dict)
            else [("chat",)]
        )
        for path in names if allowed else ():
            offered = at(value, *path, "models")
            for model in offered if isinstance(offered, list) else ():
                if isinstance(model, str) and model not in allowed:
                    raise InvalidValueError(
                        f"{model} is not among models.bedrock.models",
                        field=f"application.{'.'.join(path)}.models",
                        hint=nearest(model, allowed),
                    )
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        return check_region(value)

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        self._check_own()
        self._check_layers()
        self._check_regions()
        check_unique(self.compute, self.models)
        check_lengths(self.prefix, self.compute, self.models)
        return self

    def _check_own(self) -> None:
        """Reject existing resources that cannot be used in this environment."""
        own = {"key_arn": self.security.key_arn, "alarm_topic_arn": self.security.alarm_topic_arn}
        for name, arn in own.items():
            region, account = arn.split(":")[3:5] if arn else (self.region, self.account)
            if region != self.region:
                raise InvalidValueError(
                    f"{arn} is not in {self.region}",
                    field=f"security.{name}",
                    hint="Name one of the Region of these settings",
                )
            if self.account and account != self.account:
                raise InvalidValueError(
                    f"{arn} is not in the account {self.account}",
                    field=f"security.{name}",
                    hint="Name one of the account of these settings",
                )
        if self.security.alarm_topic_arn and self.budget.emails:
            raise InvalidValueError(
                "Addresses subscribe to a new topic, and security.alarm_topic_arn names one of your own",
                field="budget.emails",
                hint="Leave budget.emails out, and subscribe the addresses to your topic",
            )
        for name in self.tags:
            if name in COST_TAGS:
                raise InvalidValueError(
                    f"{name} is a cost allocation tag, which these settings set already",
                    field="tags",
                    hint="Leave it out of tags",
                )

    def _check_layers(self) -> None:
        if self.needs_network and self.network is None:
            raise InvalidValueError(
                "Fleets, endpoints, private functions and private APIs use a VPC, and the settings have none",
                field="network",
                hint=f"Add network: {{zones: [{self.region}a, {self.region}b]}}",
            )
        if self.compute and self.compute.weights.break_glass_role and not self.security.audit_trail:
            raise InvalidValueError(
                "Uses of the break-glass role are told from the audit trail, and these settings have none",
                field="compute.weights.break_glass_role",
                hint="Set security.audit_trail to true, or leave out the role",
            )
        self._check_application()
        for path, each in self.application.answering.items() if self.application else ():
            self._check_answering(f"application.{path}", each)

    def _check_answering(self, path: str, answering: Chat | Assistant) -> None:
        """Reject what the layers below do not have, or a model does not support.

        :param path: its path in the settings.
        """
        bedrock = self.models.bedrock if self.models else None
        if bedrock is None:
            raise InvalidValueError(
                f"{path} requires models.bedrock, which these settings leave out",
                field=path,
                hint=f"Add models: {{bedrock: {{models: [{self._some_model}]}}}} or leave out {path}",
            )
        for model in answering.models:
            if model not in bedrock.models:
                raise InvalidValueError(
                    f"{model} is not among models.bedrock.models",
                    field=f"{path}.models",
                    hint=nearest(model, bedrock.models),
                )
        known = self.models.knowledge if self.models else {}
        if answering.knowledge and answering.knowledge not in known:
            raise InvalidValueError(
                f"{answering.knowledge} is not among models.knowledge",
                field=f"{path}.knowledge",
                hint=nearest(answering.knowledge, known) if known else "Add models: {knowledge: {...}}",
            )
        offered = answering.models or [each for each in bedrock.models if BedrockCatalogue.get(each).mode == "chat"]
        with below(path):
            if isinstance(answering, Chat):
                answering.check_region(self.region)
            check_chat(offered, answering.max_tokens)
            if isinstance(answering, Assistant):
                self._check_kind(answering, bedrock)
        for model, parameters in answering.parameters.items():
            if model not in offered:
                raise InvalidValueError(
                    f"{model} is not offered, so it cannot have parameters",
                    field=f"{path}.parameters",
                    hint=nearest(model, offered),
                )
            with below(f"{path}.parameters.{model}"):
                parameters.check(model)

    def _check_kind(self, assistant: Assistant, bedrock: Bedrock) -> None:
        """Reject a kind that this Region, or these models, do not have."""
        if assistant.kind == "code":
            check_code_region(self.region)
        if assistant.kind == "content":
            drawing(bedrock.models, assistant.content.models if assistant.content else [], self.region)
            check_images_scanned(images=bedrock.guardrail.images)

    def _check_application(self) -> None:
        bedrock, application = self.models.bedrock if self.models else None, self.application
        watch = bedrock.watch if bedrock else None
        if watch and application is None:
            raise InvalidValueError(
                "Layer 3 creates the alarms on the usage of models, and these settings leave it out",
                field="models.bedrock.watch",
                hint="Add application: {}, or leave out models.bedrock.watch",
            )
        if application and not (application.chat or application.dashboard or watch):
            raise InvalidValueError(
                "application has neither a chat nor a dashboard",
                field="application.dashboard",
                hint="Set it to true, add application.chat, or leave out application",
            )
        chat = application.chat if application else None
        if chat and chat.concurrency is None and self.security.reserved_concurrency:
            with below("application.chat"):
                check_reserved(chat.requests_per_second, chat.burst, chat.seconds_per_answer)

    @property
    def _some_model(self) -> str:
        """A model that the Region can call, for a hint."""
        here = BedrockCatalogue.get("amazon.nova-lite-v1:0").callable_from(self.region)
        return here[0] if here else "ID"

    def _check_regions(self) -> None:
        for zone in self.network.names if self.network else ():
            if not re.fullmatch(re.escape(self.region) + "[a-z]", zone):
                raise InvalidValueError(
                    f"{zone} is not a zone of {self.region}",
                    field="network.subnets" if self.network and self.network.vpc_id else "network.zones",
                    hint=f"Did you mean {self.region}a?",
                )
        self._check_compute_regions()
        if self.application and self.application.edge and self.region.startswith(("cn-", "us-gov-", "us-iso", "eusc-")):
            # https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/setting-up-cloudfront.html
            raise InvalidValueError(
                f"CloudFront with its web ACL is in us-east-1, which is in another partition than {self.region}",
                field="application.edge",
                hint="Leave edge out, and make the API private if its users are in your network",
            )
        bedrock = self.models.bedrock if self.models else None
        for region in bedrock.regions if bedrock else ():
            check_region(region, "models.bedrock.regions")
        self._check_geographies()
        for model in bedrock.models if bedrock else ():
            with below("models.bedrock"):
                check_model(model, self.region)
                check_destinations(model, self.region, bedrock.regions if bedrock else ())
        for path, arn in self._arns():
            if arn.split(":")[3] != self.region:
                raise InvalidValueError(
                    f"{arn} is not in {self.region}", field=path, hint="Name one of the Region of these settings"
                )
        for name, endpoint in self.models.endpoints.items() if self.models else ():
            with below(f"models.endpoints.{name}"):
                endpoint.check_region(self.region)
        tuning = self.models.fine_tuning if self.models else None
        for name, tuned in tuning.pipelines.items() if tuning else ():
            with below(f"models.fine_tuning.pipelines.{name}"):
                tuned.check_region(self.region)
        for name in tuning.customized if tuning else ():
            with below(f"models.fine_tuning.customized.{name}"):
                check_customized_in(self.region)
        if self.models and self.models.hub:
            with below("models.hub"):
                self.models.hub.check_region(self.region)

    def _check_geographies(self) -> None:
        """Reject features of Bedrock that route across a geography where the Region does not offer them."""
        bedrock = self.models.bedrock if self.models else None
        if bedrock and bedrock.guardrail.cross_region:
            with below("models.bedrock.guardrail"):
                routed(GUARDRAILS, self.region, what="guardrails", field="cross_region")
        for name, knowledge in self.models.knowledge.items() if self.models else ():
            with below(f"models.knowledge.{name}"):
                knowledge.check_region(self.region)

    def _arns(self) -> Iterator[tuple[str, str]]:
        """ARNs of resources that must be in the environment's Region, with their key paths."""
        if self.compute:
            weights, storage = self.compute.weights, self.compute.storage
            for path, bucket in (
                ("weights.bucket", weights.bucket),
                ("storage.data_sets", storage.data_sets if storage else None),
                ("storage.checkpoints", storage.checkpoints if storage else None),
            ):
                if bucket and bucket.key_arn:
                    yield f"compute.{path}.key_arn", bucket.key_arn
        for name, cluster in self.compute.clusters.items() if self.compute else ():
            if cluster.eks:
                yield f"compute.clusters.{name}.eks.cluster_arn", cluster.eks.cluster_arn
            for group, each in cluster.groups.items():
                if each.training_plan_arn:
                    yield f"compute.clusters.{name}.groups.{group}.training_plan_arn", each.training_plan_arn
        if self.models is None:
            return
        for arn in self.models.bedrock.guardrail.automated_reasoning if self.models.bedrock else ():
            yield "models.bedrock.guardrail.automated_reasoning", arn
        for name, knowledge in self.models.knowledge.items():
            yield from ((f"models.knowledge.{name}.{path}", arn) for path, arn in knowledge.arns())
        for name, provisioned in self.models.provisioned.items():
            yield f"models.provisioned.{name}.model", provisioned.model
        for name, customized in self.models.fine_tuning.customized.items() if self.models.fine_tuning else ():
            if customized.deployed:
                yield f"models.fine_tuning.customized.{name}.deployed", customized.deployed

    def _check_compute_regions(self) -> None:
        if self.compute is None:
            return
        catalogue = AcceleratorCatalogue.default()
        for name, fleet in self.compute.fleets.items():
            with reported_at(f"compute.fleets.{name}.{'needs' if fleet.needs else 'instance_type'}"):
                for each in fleet.types(self.region):
                    catalogue.check_region(each.instance_type, self.region)
        for name, queue in self.compute.queues.items():
            with reported_at(f"compute.queues.{name}.instance_type"):
                for each in queue.types():
                    catalogue.check_region(each.instance_type, self.region)
            region = queue.image.split(".")[3]
            if region != self.region:
                raise InvalidValueError(
                    f"The image is in {region}, and only the registry of {self.region} can be reached from the network",
                    field=f"compute.queues.{name}.image",
                    hint="Replicate it: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html",
                )
        for name, cluster in self.compute.clusters.items():
            if cluster.teams:
                with reported_at(f"compute.clusters.{name}.teams"):
                    check_governed(self.region)
            if cluster.eks:
                with reported_at(f"compute.clusters.{name}.eks"):
                    cluster_registries(self.region, cluster.eks.registries)
            for key, group in cluster.groups.items():
                with reported_at(f"compute.clusters.{name}.groups.{key}.instance_type"):
                    if group.accelerator is not None:
                        catalogue.check_region(group.accelerator.instance_type, self.region)


def at(value: object, *path: str) -> object:
    """The value at a key path; None if there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


#: The key paths, below each name, where sections of layer 2 name models of Bedrock.
_ASKED = {
    "knowledge": (("embedding",), ("parsing", "model"), ("search", "rerank")),
    "batches": (("model",),),
    "prompts": (("model",),),
    "routers": (("models",),),
    "evaluations": (("models",), ("judge", "model")),
}


def asked(models: object) -> Iterator[tuple[str, str]]:
    """The models of Bedrock that sections of layer 2 name, with their key paths."""
    for section, paths in _ASKED.items():
        members = at(models, section)
        for name, each in members.items() if isinstance(members, dict) else ():
            for path in paths:
                found = at(each, *path)
                for model in found if isinstance(found, list) else [found]:
                    if isinstance(model, str):
                        yield ".".join((section, str(name), *path)), model
