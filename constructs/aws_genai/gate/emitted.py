"""The emitted templates of all stacks of an app, as the rules of the gate read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..policies.conditions import as_list
from ..policies.decision import Model
from ..policies.resolve import Environment, Resolver
from ..policies.statements import Identity
from ..policies.undecidable import UndecidableError

#: The placeholder for the account of an account-agnostic stack.
ACCOUNT = Environment().account


@dataclass(frozen=True)
class Stack:
    """One emitted template: its file, and its deployment environment."""

    name: str
    #: The construct path of the stack.
    path: str
    file: str
    region: str
    template: Mapping[str, Any]
    #: The id of the account; empty for an account-agnostic stack.
    account: str = ""


class Resource:
    """One resource of a template, with its references resolved on demand."""

    def __init__(self, app: Emitted, stack: Stack, id: str, body: Mapping[str, Any]) -> None:
        self.app, self.stack, self.id, self.body = app, stack, id, body
        self.type: str = body["Type"]
        #: The properties as in the template.
        self.raw: Mapping[str, Any] = body.get("Properties") or {}

    @cached_property
    def properties(self) -> dict[str, Any]:
        """The properties with all references resolved; values that are known only at deployment are in ``<...>``."""
        resolved: dict[str, Any] = self.app.resolver.resolve(self.stack.name, self.raw)
        return resolved

    @cached_property
    def arn(self) -> str | None:
        """The ARN with which other resources refer to this one, if it is known."""
        return self.app.resolver.arn(self.stack.name, self.id)

    @cached_property
    def waits_for(self) -> frozenset[str]:
        """The logical ids that this resource depends on, by ``DependsOn`` or a reference, directly or indirectly."""
        return self.app.waits_for(self.stack, self.id)

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """The resolved property at a path, such as ``LaunchTemplateData.KeyName``."""
        return pick(self.properties, path, default)


def pick(value: Any, path: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
    """The value at a path of names in nested objects."""
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return default
        value = value[part]
    return value


class Emitted:
    """All stacks of an app.

    :param stacks: The stacks, by name.
    """

    def __init__(self, stacks: Mapping[str, Stack]) -> None:
        self.stacks = stacks
        first = next(iter(stacks.values()))
        environments = {
            name: Environment(region=stack.region, **_partition(stack.region)) for name, stack in stacks.items()
        }
        self.resolver = Resolver(
            {name: dict(stack.template) for name, stack in stacks.items()},
            environments[first.name],
            environments=environments,
            lenient=True,
        )
        #: IAM's decisions over all stacks.
        self.model = Model(self.resolver)
        #: The policy documents of all resources, read on first use.
        self.documents: list[Any] | None = None
        self._identities: dict[str, Identity | None] = {}
        self._waits: dict[tuple[str, str], frozenset[str]] = {}

    @cached_property
    def resources(self) -> list[Resource]:
        """Every resource of every stack."""
        return [
            Resource(self, stack, id, body)
            for stack in self.stacks.values()
            for id, body in stack.template.get("Resources", {}).items()
        ]

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of the given types."""
        return (resource for type in types for resource in self._by_type.get(type, ()))

    @cached_property
    def by_arn(self) -> dict[str, Resource]:
        """The resources with a known ARN, by ARN."""
        return {resource.arn: resource for resource in self.resources if resource.arn}

    def found(self, value: Any, type: str) -> Resource | None:  # noqa: ANN401 - JSON
        """The resource of that type to which a resolved value refers, by ARN or by the value of ``Ref``."""
        return self._named.get((type, value)) if isinstance(value, str) else None

    @cached_property
    def _named(self) -> dict[tuple[str, str], Resource]:
        found: dict[tuple[str, str], Resource] = {}
        for resource in self.resources:
            names = {resource.arn, self.resolver.resolve(resource.stack.name, {"Ref": resource.id})}
            found |= {(resource.type, name): resource for name in names if name}
        return found

    def role(self, arn: Any) -> Identity | None:  # noqa: ANN401 - JSON
        """The role of the app with that ARN, with all its policies.

        None if the role or one of its policies is created outside the app, because its permissions are not known.
        """
        resource = self.found(arn, "AWS::IAM::Role")
        if resource is None:
            return None
        if arn not in self._identities:
            try:
                self._identities[arn] = self.model.role(resource.stack.name, resource.id, resource.body)
            except UndecidableError:
                self._identities[arn] = None
        return self._identities[arn]

    def waits_for(self, stack: Stack, id: str) -> frozenset[str]:
        """The logical ids that a resource depends on; see :attr:`Resource.waits_for`."""
        key = (stack.name, id)
        if key not in self._waits:
            self._waits[key] = frozenset()  # ends a cycle, which CloudFormation rejects anyway
            body = stack.template["Resources"][id]
            direct = {*as_list(body.get("DependsOn") or []), *_references(body.get("Properties") or {})}
            known = direct & stack.template["Resources"].keys()
            self._waits[key] = frozenset(known.union(*(self.waits_for(stack, other) for other in known)))
        return self._waits[key]


def _references(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """The logical ids to which a value of a template refers."""
    if isinstance(value, str):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.partition(".")[0]
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                yield from (part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:])
                yield from _references(item if isinstance(item, list) else [])
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _partition(region: str) -> dict[str, str]:
    """The partition and the DNS suffix of a Region."""
    if region.startswith("cn-"):
        return {"partition": "aws-cn", "url_suffix": "amazonaws.com.cn"}
    return {"partition": "aws-us-gov"} if region.startswith("us-gov-") else {}


def read(templates: Mapping[str, tuple[str, str | None]]) -> Emitted:
    """Read emitted templates, including those of nested stacks in the same folder.

    :param templates: The construct path and the Region of each stack, by file. A stack without a Region is treated as
        in us-east-1.
    """
    stacks: dict[str, Stack] = {}
    files = {Path(file): place for file, place in templates.items()}
    for folder in {file.parent: None for file in files}:
        names, accounts = _stack_names(folder), _accounts(folder)
        beside = next(place for file, place in files.items() if file.parent == folder)
        nested = dict.fromkeys(sorted(folder.glob("*.nested.template.json")), beside)
        for file, (path, region) in {**{f: p for f, p in files.items() if f.parent == folder}, **nested}.items():
            name = names.get(file.name, file.name)
            # Two stacks can have the same name in two Regions or accounts.
            key = path if name in stacks else name
            template = json.loads(file.read_text(encoding="utf-8"))
            # A nested stack is in the account of the others.
            account = accounts.get(file.name, next(iter(accounts.values()), ""))
            stacks[key] = Stack(key, path, str(file), region or "us-east-1", template, account)
    return Emitted(stacks)


def _stack_names(folder: Path) -> dict[str, str]:
    """The stack names, by template file, with which ``Fn::GetStackOutput`` refers to them."""
    return {
        each["properties"]["templateFile"]: each["properties"].get("stackName", id)
        for id, each in _artifacts(folder).items()
    }


def _accounts(folder: Path) -> dict[str, str]:
    """The ids of accounts, by template file; empty for stacks that any account can deploy."""
    return {
        each["properties"]["templateFile"]: account if account.isdecimal() else ""
        for each in _artifacts(folder).values()
        for account in [each["environment"].removeprefix("aws://").partition("/")[0]]
    }


def _artifacts(folder: Path) -> dict[str, Mapping[str, Any]]:
    """The stacks in the manifest of a cloud assembly, by their ids."""
    artifacts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    return {id: each for id, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
