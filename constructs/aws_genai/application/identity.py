"""Who may use an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Fn, RemovalPolicy, Stack, Token, aws_cognito as cognito
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.foundation import Foundation
from ..foundation.pseudo import REGION
from ..gate.acknowledgement import acknowledge
from .options import Federation, IdentityOptions, Mfa as Mfa, OidcProvider, region_of

#: Claim of an ID token that holds the groups of a user of the user pool:
#: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
GROUPS_CLAIM = "cognito:groups"
#: What an access token of a federated user permits. With aws.cognito.signin.user.admin it would permit users to write
#: their own attributes, groups included.
#: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
_SCOPES = ["openid", "email", "profile"]


class Identity(Construct):
    """A Cognito user pool with an app client.

    In a new user pool, users are invited, have strong passwords and authenticator apps, and threat protection is
    enforced. With a federation, users sign in through your identity provider. A user pool that exists can be used
    instead; nothing in it is changed or checked, except that it may get an app client.
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-threat-protection.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Users")
        Identity(stack, "Users", pool_name="assistant", foundation=Foundation(stack))
        app.synth()

    :param foundation: decides whether the user pool is retained.
    :param pool_name: name of a new user pool, 1 to 128 characters. Default: CloudFormation generates one.
    :param options: MFA, validity of tokens, and an existing user pool or a federation. Default: a new user pool.
    :param user_pool: an existing user pool, instead of ``options.user_pool``. Default: none.
    :param clients: app clients of ``user_pool`` whose tokens are accepted. Default: a new one.
    :param groups: names of groups to create in a new user pool. Default: none.
    :param auth_flows: how the app client of a user pool signs users in. Default: SRP, which never sends a password.
    :raises InvalidValueError: if a user pool is given twice, or one that gets an app client is in another Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        pool_name: str | None = None,
        options: IdentityOptions | None = None,
        user_pool: cognito.IUserPool | None = None,
        clients: Sequence[cognito.IUserPoolClient] = (),
        groups: Sequence[str] = (),
        auth_flows: Sequence[str] = ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"),
    ) -> None:
        super().__init__(scope, id)
        self.options = options or IdentityOptions()
        federation = self.options.federation
        #: The new user pool; None for one that exists.
        self.pool: cognito.CfnUserPool | None = None
        #: The new app client; None if those of an existing user pool are used.
        self.client: cognito.CfnUserPoolClient | None = None
        #: Claim of an ID token that holds the groups of a user.
        self.groups_claim = "custom:groups" if federation and federation.groups else GROUPS_CLAIM
        given: Sequence[str] = ()
        if user_pool or self.options.user_pool:
            given = self._existing(user_pool, clients)
        else:
            self.pool = self._pool(pool_name, foundation.removal_policy)
            self.pool_arn: str = self.pool.attr_arn
            self.pool_id: str = self.pool.ref
            if not federation:
                for group in groups:
                    cognito.CfnUserPoolGroup(self, f"Group{group}", user_pool_id=self.pool.ref, group_name=group)
        #: IDs of the app clients whose tokens are accepted.
        self.client_ids: list[str] = list(given)
        if not given:
            provider = self._federate(federation) if federation else None
            self.client = self._client(auth_flows, federation)
            if provider:
                self.client.add_resource_dependency(provider)
            self.client_ids = [self.client.ref]
        CfnOutput(self, "PoolId", value=self.pool_id, description="User pool to invite users to")
        CfnOutput(
            self,
            "ClientId",
            value=self.client_id,
            description="App client that signs users in" if federation else "App client that signs users in by SRP",
        )

    @property
    def client_id(self) -> str:
        """ID of the first app client."""
        return self.client_ids[0]

    @property
    def shared(self) -> bool:
        """Whether the user pool has, or may have, app clients of other applications."""
        return self.pool is None

    def _existing(
        self, user_pool: cognito.IUserPool | None, clients: Sequence[cognito.IUserPoolClient]
    ) -> Sequence[str]:
        """Use a user pool that exists.

        :returns: IDs of its app clients that are used; none if it gets a new one.
        """
        named = self.options.user_pool
        if user_pool and (named or self.options.federation):
            raise InvalidValueError(
                "The user pool is given twice, or has a federation of its own",
                field="user_pool",
                hint="Leave options.user_pool and options.federation out",
            )
        if user_pool:
            self.pool_arn, self.pool_id = user_pool.user_pool_arn, user_pool.user_pool_id
            return [client.user_pool_client_id for client in clients]
        assert named  # noqa: S101 - the caller checks
        self.pool_arn = named.arn
        self.pool_id = named.arn.rpartition("/")[2]
        self.groups_claim = named.groups_claim
        region = Stack.of(self).region
        if not named.client_ids and not Token.is_unresolved(region) and region_of(named.arn) != region:
            raise InvalidValueError(
                f"{named.arn} is in {region_of(named.arn)}, and an app client can be created in {region} only",
                field="user_pool.arn",
                hint="Name client_ids of the user pool",
            )
        return named.client_ids

    def _pool(self, name: str | None, removal_policy: RemovalPolicy) -> cognito.CfnUserPool:
        kept = removal_policy is not RemovalPolicy.DESTROY
        federation, mfa = self.options.federation, self.options.mfa
        pool = cognito.CfnUserPool(
            self,
            "Resource",
            user_pool_name=name,
            # Threat protection requires the Plus plan.
            user_pool_tier="PLUS",
            user_pool_add_ons={"advancedSecurityMode": "ENFORCED"},
            mfa_configuration="ON" if mfa == "required" else "OPTIONAL",
            enabled_mfas=["SOFTWARE_TOKEN_MFA"],
            admin_create_user_config={"allowAdminCreateUserOnly": True},
            username_attributes=["email"],
            auto_verified_attributes=["email"],
            account_recovery_setting={"recoveryMechanisms": [{"name": "verified_email", "priority": 1}]},
            deletion_protection="ACTIVE" if kept else "INACTIVE",
            policies={
                "passwordPolicy": {
                    "minimumLength": 14,
                    "requireLowercase": True,
                    "requireNumbers": True,
                    "requireSymbols": True,
                    "requireUppercase": True,
                    "temporaryPasswordValidityDays": 3,
                }
            },
            device_configuration={
                "challengeRequiredOnNewDevice": True,
                "deviceOnlyRememberedOnUserPrompt": True,
            },
            # An attribute that a provider writes must be mutable:
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-specifying-attribute-mapping.html
            schema=[
                {
                    "name": "groups",
                    "attributeDataType": "String",
                    "mutable": True,
                    "stringAttributeConstraints": {"minLength": "0", "maxLength": "2048"},
                }
            ]
            if federation and federation.groups
            else None,
        )
        # A user pool with deletion protection cannot be deleted when its first deployment fails, so it is retained.
        pool.apply_removal_policy(RemovalPolicy.RETAIN if kept else removal_policy)
        if mfa == "optional":
            acknowledge(
                pool,
                ("AwsSolutions-COG2", "GENAI_SIGN_IN_NEEDS_MFA"),
                reason="The settings make the second factor optional: this pool guards no production data.",
                met_by="threat protection, which asks for a second factor at a risky sign-in",
            )
        return pool

    def _client(self, auth_flows: Sequence[str], federation: Federation | None) -> cognito.CfnUserPoolClient:
        minutes = self.options.token_minutes
        federated: dict[str, Any] = {}
        if federation:
            auth_flows = ("ALLOW_REFRESH_TOKEN_AUTH",)
            federated = {
                "allowed_o_auth_flows": ["code"],
                "allowed_o_auth_flows_user_pool_client": True,
                "allowed_o_auth_scopes": _SCOPES,
                "callback_ur_ls": federation.callback_urls,
                "logout_ur_ls": federation.logout_urls or None,
                "supported_identity_providers": [federation.name],
                # Cognito writes mapped attributes with the permissions of the client.
                "write_attributes": sorted(federation.mapping),
            }
        return cognito.CfnUserPoolClient(
            self,
            "Client",
            user_pool_id=self.pool_id,
            generate_secret=False,
            explicit_auth_flows=list(auth_flows),
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=minutes,
            id_token_validity=minutes,
            refresh_token_validity=1,
            token_validity_units={"accessToken": "minutes", "idToken": "minutes", "refreshToken": "days"},
            **federated,
        )

    def _federate(self, federation: Federation) -> cognito.CfnUserPoolIdentityProvider:
        """Add the identity provider and the domain where users sign in."""
        provider = cognito.CfnUserPoolIdentityProvider(
            self,
            "Provider",
            user_pool_id=self.pool_id,
            provider_name=federation.name,
            provider_type="OIDC" if federation.oidc else "SAML",
            provider_details=_details(federation),
            attribute_mapping=federation.mapping,
        )
        cognito.CfnUserPoolDomain(self, "Domain", user_pool_id=self.pool_id, domain=federation.domain_prefix)
        base = f"https://{federation.domain_prefix}.auth.{REGION}.amazoncognito.com"
        CfnOutput(self, "SignInDomain", value=base, description="Where users sign in")
        answers = f"{base}/oauth2/idpresponse" if federation.oidc else f"{base}/saml2/idpresponse"
        CfnOutput(
            self, "ProviderCallback", value=answers, description="Redirect URI or ACS URL to register at the provider"
        )
        if federation.saml:
            entity = Fn.join("", ["urn:amazon:cognito:sp:", self.pool_id])
            CfnOutput(self, "ProviderEntity", value=entity, description="SP entity ID to register at the provider")
        return provider


def _details(federation: Federation) -> dict[str, str]:
    """The provider's details.

    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html
    """
    if federation.oidc:
        return {
            "oidc_issuer": federation.oidc.issuer,
            "client_id": federation.oidc.client_id,
            "client_secret": _reference(federation.oidc),
            "authorize_scopes": " ".join(federation.oidc.scopes),
            "attributes_request_method": "GET",
        }
    assert federation.saml  # noqa: S101 - Federation has one of the two
    return {
        "MetadataURL": federation.saml.metadata_url,
        "IDPSignout": str(federation.saml.sign_out).lower(),
        "EncryptedResponses": str(federation.saml.encrypted_responses).lower(),
        "RequestSigningAlgorithm": "rsa-sha256",
    }


def _reference(provider: OidcProvider) -> str:
    """A dynamic reference, which CloudFormation resolves and never shows.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    key = f":{provider.client_secret_key}" if provider.client_secret_key else ""
    return f"{{{{resolve:secretsmanager:{provider.client_secret_arn}:SecretString{key}}}}}"
