"""How the emulator's engine creates, updates, replaces and deletes a resource type that the emulator lacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudcontrol
from ministack.services.cloudformation import provisioners

from . import schemas

Model = dict[str, Any]


class ServiceError(ValueError):
    """The error that a service returned instead of a result."""


class Resource:
    """A resource type whose instances are complete records: the requested properties and the attributes AWS would add.

    The records are in the store of the Cloud Control API, which reads any CloudFormation type:
    ``aws cloudcontrol get-resource --type-name ... --identifier ...``.
    https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/what-is-cloudcontrolapi.html

    Subclasses define the type and its attributes. Those with a service in the emulator override ``create``,
    ``update`` and ``delete``, which take and return whole models.
    """

    type: ClassVar[str]
    #: The property that names an instance. CloudFormation generates a name if it is absent.
    name: ClassVar[str | None] = None
    #: Maximum length of a name in the service.
    name_limit: ClassVar[int] = 63
    #: Whether a generated name is in lower case, as the service requires.
    lowercase: ClassVar[bool] = False
    #: Read-only attributes: formats over properties, ``region``, ``account``, ``now``, and ``token``, 12 hex digits.
    attributes: ClassVar[Mapping[str, str]] = {}
    #: The return value of Ref, if it is not the schema's primary identifier.
    ref: ClassVar[str | None] = None
    #: Properties that must name an existing instance of another type.
    needs: ClassVar[Mapping[str, str]] = {}
    #: Whether the type has a service in the emulator, or only a record.
    service: ClassVar[bool] = False

    def create(self, model: Model) -> Model:
        """Create one instance and return it with its attributes."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        scope = {"region": get_region(), "account": get_account_id(), "token": _token(), "now": now, **model}
        return {**model, **{name: text.format(**scope) for name, text in self.attributes.items()}}

    def update(self, old: Model, new: Model) -> Model:
        """Change an instance in place; ``new`` has the attributes of ``old``."""
        return new

    def delete(self, model: Model) -> None:
        """Delete an instance."""

    def tag(self, model: Model) -> None:
        """Pass the tags of an instance to the service. A record contains them already."""

    def name_of(self, model: Model) -> str:
        """The name of an instance. Empty if the template has none."""
        return str(model.get(self.name) or "") if self.name else ""

    def named(self, model: Model, name: str) -> Model:
        """The model with a name."""
        return {**model, self.name: name} if self.name else model

    # The following uses the engine's interface.

    def identifier(self, model: Model) -> str:
        """The return value of Ref."""
        if self.ref:
            return str(model[self.ref])
        return "|".join(str(model[name]) for name in schemas.names(self.type, "primaryIdentifier"))

    def on_create(self, logical_id: str, properties: Model, stack_name: str) -> tuple[str, Model]:
        model = dict(properties)
        if not self.name_of(model):
            made_up = provisioners._physical_name(stack_name, logical_id, max_len=self.name_limit)
            model = self.named(model, made_up.lower() if self.lowercase else made_up)
        self._check_needs(model)
        model = self.create(model)
        identifier = self.identifier(model)
        if find(self.type, identifier) is not None:
            raise ServiceError(f"{self.type} {identifier} already exists")
        self.tag(model)
        store(self.type, identifier, model)
        return identifier, self._attributes(model)

    def on_update(
        self, identifier: str, _old: Model, properties: Model, stack_name: str, logical_id: str
    ) -> tuple[str, Model]:
        old = find(self.type, identifier)
        if old is None:
            return self.on_create(logical_id, properties, stack_name)
        readable = {name: old[name] for name in schemas.names(self.type, "readOnlyProperties") if name in old}
        model = {**self.named(properties, self.name_of(properties) or self.name_of(old)), **readable}
        self._check_needs(model)
        model = self.update(old, model)
        self.tag(model)
        store(self.type, identifier, model)
        return identifier, self._attributes(model)

    def on_delete(self, identifier: str, _properties: Model) -> None:
        model = find(self.type, identifier)
        if model is not None:
            self.delete(model)
            remove(self.type, identifier)

    def _attributes(self, model: Model) -> Model:
        # A name is an attribute too, as the reference of each type says.
        readable = [*schemas.names(self.type, "readOnlyProperties"), *([self.name] if self.name else [])]
        return {name: model[name] for name in readable if name in model}

    def _check_needs(self, model: Model) -> None:
        for name, other in self.needs.items():
            for value in _values(model, name.split(".")):
                if not any(value in (found.get(key) for key in found) for found in instances(other)):
                    raise ServiceError(f"Could not find {other} {value!r}, which {self.type} names as {name}")


def _values(value: Any, path: list[str]) -> list[str]:
    """The value at a path. Lists on the way are traversed."""
    if isinstance(value, list):
        return [found for item in value for found in _values(item, path)]
    if not path:
        return [value] if isinstance(value, str) else []
    return _values(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else []


def _token() -> str:
    return str(provisioners.new_uuid()).replace("-", "")[:12]


def store(resource_type: str, identifier: str, model: Model) -> None:
    """Store the model of one instance."""
    _created.setdefault((get_account_id(), get_region(), resource_type, identifier), datetime.now(UTC))
    cloudcontrol._resources[cloudcontrol._resource_key(resource_type, identifier)] = {
        "TypeName": resource_type,
        "Identifier": identifier,
        "Properties": json.dumps(model),
    }


def remove(resource_type: str, identifier: str) -> bool:
    """Delete one instance. Returns whether it existed."""
    _created.pop((get_account_id(), get_region(), resource_type, identifier), None)
    return cloudcontrol._resources.pop(cloudcontrol._resource_key(resource_type, identifier), None) is not None


#: Creation times of instances, by account, Region, type and identifier.
_created: dict[tuple[str, str, str, str], datetime] = {}


def created(resource_type: str, identifier: str) -> str:
    """The creation time of an instance. The current time if it is unknown."""
    found = _created.get((get_account_id(), get_region(), resource_type, identifier), datetime.now(UTC))
    return found.isoformat(timespec="seconds")


def find(resource_type: str, identifier: str) -> Model | None:
    """The model of one recorded instance."""
    found = cloudcontrol._resources.get(cloudcontrol._resource_key(resource_type, identifier))
    return json.loads(found["Properties"]) if found else None


def instances(resource_type: str) -> list[Model]:
    """The models of all recorded instances of a type."""
    found = list(cloudcontrol._resources.values())
    return [json.loads(each["Properties"]) for each in found if each["TypeName"] == resource_type]


def answer(response: tuple[int, Any, bytes]) -> Model:
    """The body of a service's JSON response.

    :raises ServiceError: with the service's own message, for any but success.
    """
    status, _, body = response
    content: Model = json.loads(body) if body else {}
    if status >= 400:
        message = content.get("message") or content.get("Message") or str(content)
        raise ServiceError(f"{message} (Status Code: {status}, {content.get('__type', 'error')})")
    return content


def register(resource: Resource) -> None:
    """Register a type with the engine: its handlers, properties that require replacement, and where its tags are."""
    provisioners._RESOURCE_HANDLERS[resource.type] = {
        "create": resource.on_create,
        "update": resource.on_update,
        "update_with_logical_id": True,
        "delete": resource.on_delete,
    }
    whole = [name for name in schemas.names(resource.type, "createOnlyProperties") if "/" not in name]
    provisioners._REPLACING_PROPERTIES[resource.type] = tuple(whole)
    tags = schemas.tag_property(resource.type)
    if tags:
        provisioners._STACK_TAG_PROPERTY[resource.type] = tags


def wrap(
    resource_type: str,
    *,
    before: Callable[[Model], None] = lambda _properties: None,
    after: Callable[[str, Model], None] = lambda _identifier, _properties: None,
) -> None:
    """Run code on a type's properties before and after the engine's own handler creates or updates."""
    handler = provisioners._RESOURCE_HANDLERS[resource_type]

    def wrapped(verb: Callable[..., tuple[str, Model]], place: int) -> Callable[..., tuple[str, Model]]:
        # The new properties are the second argument of a create, and the third of an update.
        def call(*arguments: Any) -> tuple[str, Model]:
            before(arguments[place])
            made = verb(*arguments)
            after(made[0], arguments[place])
            return made

        return call

    handler["create"] = wrapped(handler["create"], 1)
    if "update" in handler:
        handler["update"] = wrapped(handler["update"], 2)


def check_properties() -> None:
    """Validate every type's properties against its schema before its handler receives them, as CloudFormation does."""
    for resource_type in provisioners._RESOURCE_HANDLERS:
        wrap(resource_type, before=partial(schemas.check, resource_type))
