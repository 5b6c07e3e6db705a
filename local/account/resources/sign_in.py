"""Styles of managed login, identity providers, and what the emulator leaves out of app clients."""

from __future__ import annotations

from ministack.core.responses import new_uuid
from ministack.services import cognito
from ministack.services.cloudformation import provisioners

from .base import Model, Resource, ServiceError, answer, instances


class IdentityProvider(Resource):
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html

    Nobody can sign in through one here: it would have to be asked, or its answers verified.
    """

    type = "AWS::Cognito::UserPoolIdentityProvider"
    service = True

    def create(self, model: Model) -> Model:
        answer(cognito._create_identity_provider(model))
        return model

    def update(self, old: Model, new: Model) -> Model:
        answer(cognito._update_identity_provider(new))
        return new

    def delete(self, model: Model) -> None:
        # With its user pool, its providers are gone.
        if model["UserPoolId"] in cognito._user_pools:
            answer(cognito._delete_identity_provider(model))


class ManagedLoginBranding(Resource):
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateManagedLoginBranding.html"""

    type = "AWS::Cognito::ManagedLoginBranding"

    def create(self, model: Model) -> Model:
        if model["UserPoolId"] not in cognito._user_pools:
            raise ServiceError(f"User pool {model['UserPoolId']} does not exist.")
        if model.get("UseCognitoProvidedValues") and ("Settings" in model or "Assets" in model):
            raise ServiceError("Settings and Assets must be left out with UseCognitoProvidedValues")
        if styled(model["UserPoolId"], model.get("ClientId", "")):
            raise ServiceError("Managed login branding already exists for this app client")
        return {**model, "ManagedLoginBrandingId": str(new_uuid())}


def styled(pool: str, client: str) -> bool:
    """Whether an app client has a style."""
    found = instances(ManagedLoginBranding.type)
    return any(each["UserPoolId"] == pool and each.get("ClientId") == client for each in found)


def install() -> None:
    """Let the engine pass the rotation of refresh tokens to the service."""
    provisioners._COGNITO_USER_POOL_CLIENT_UPDATABLE["RefreshTokenRotation"] = None
