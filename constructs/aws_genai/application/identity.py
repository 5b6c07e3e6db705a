"""Who may use an application."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CfnOutput, CfnResource, Fn, RemovalPolicy, Stack, Token, aws_cognito as cognito, aws_lambda
from constructs import Construct

from ..errors import InvalidValueError
from ..foundation.alarms import alarm
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, REGION
from ..gate.acknowledgement import acknowledge
from ..packaging import PythonFunction
from .options import (
    RESERVED_WORDS,
    RESOURCE_SERVER,
    SCOPES,
    Federation,
    IdentityOptions,
    MachineOptions,
    Mfa as Mfa,
    OidcProvider,
    ScopeName,
    region_of,
)

#: Claim of an access token that holds the groups of a user of the user pool:
#: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
GROUPS_CLAIM = "cognito:groups"
#: What a client learns of a user. Without aws.cognito.signin.user.admin, no token of managed login permits users to
#: write their own attributes, which may hold their groups. Managed login registers passkeys and authenticator apps on
#: its own pages, without that scope.
#: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
_ABOUT_USERS = ["openid", "email", "profile"]
#: Longest name in a domain prefix: 63 characters, less a hyphen and the account id.
_LONGEST_NAME = 63 - 13
#: Seconds that Amazon Cognito waits for a function:
#: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
_TRIGGER_SECONDS = 5


class Identity(Construct):
    """A Cognito user pool with managed login, an app client for users, and app clients for programs.

    Users sign in with the authorization code flow. The app client has no secret, so the code is bound to whoever asked
    for it by PKCE, which the page or program has to use: Cognito checks it where it is used and does not require it.
    Refresh tokens are rotated. Access tokens carry the scopes ``genai/ask`` and ``genai/history``.

    In a new user pool, users are invited, have strong passwords and a second factor, and threat protection is
    enforced. With a federation, users sign in through your identity provider. A user pool that exists can be used
    instead; nothing in it is changed or checked, except that it may get app clients.
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-threat-protection.html
    https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html

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

    :param foundation: decides whether the user pool is retained; key, topic and network of the function that writes
        groups of a federation into tokens.
    :param pool_name: name of a new user pool, 1 to 128 characters. Default: CloudFormation generates one.
    :param options: MFA, passkeys, validity of tokens, addresses of your page, and an existing user pool or a
        federation. Default: a new user pool.
    :param user_pool: an existing user pool, instead of ``options.user_pool``. Default: none.
    :param clients: app clients of ``user_pool`` whose tokens are accepted. Default: a new one.
    :param scopes: scopes of ``user_pool`` of which an access token must have one. Default: openid.
    :param groups: names of groups to create in a new user pool. Default: none.
    :param machines: programs that ask with credentials of their own, by name. Default: none.
    :raises InvalidValueError: if a user pool is given twice, or one that gets an app client is in another Region; if
        there are programs, and the user pool that exists names no scope of a resource server.
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
        scopes: Sequence[str] = ("openid",),
        groups: Sequence[str] = (),
        machines: Mapping[str, MachineOptions] | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options or IdentityOptions()
        federation = self.options.federation
        #: The new user pool; None for one that exists.
        self.pool: cognito.CfnUserPool | None = None
        #: The new app client; None if those of an existing user pool are used.
        self.client: cognito.CfnUserPoolClient | None = None
        #: Claim of an access token that holds the groups of a user.
        self.groups_claim = GROUPS_CLAIM
        #: The address of managed login; None for a user pool that exists.
        self.sign_in_url: str | None = None
        self._foundation = foundation
        #: Scopes of a user pool that exists.
        self._scopes: Sequence[str] = ()
        #: What app clients are created after.
        self._before: list[CfnResource] = []
        given: Sequence[str] = ()
        if user_pool or self.options.user_pool:
            given = self._existing(user_pool, clients, scopes, programs=bool(machines))
        else:
            self._new(pool_name, groups)
        #: IDs of the app clients that sign users in, whose tokens are accepted.
        self.client_ids: list[str] = list(given)
        if not given:
            self.client = self._client(federation)
            self.client_ids = [self.client.ref]
        #: The programs, by the id of their app client.
        self.machines: dict[str, MachineOptions] = {
            self._machine(name, each): each for name, each in (machines or {}).items()
        }
        CfnOutput(self, "PoolId", value=self.pool_id, description="User pool to invite users to")
        CfnOutput(self, "ClientId", value=self.client_id, description="App client that signs users in by managed login")

    def scopes(self, name: ScopeName) -> list[str]:
        """The scopes of which a method's access token must have one.

        :param name: what the method does.
        """
        return list(self._scopes) or [f"{RESOURCE_SERVER}/{name}"]

    @property
    def client_id(self) -> str:
        """ID of the first app client."""
        return self.client_ids[0]

    def _new(self, name: str | None, groups: Sequence[str]) -> None:
        """Create the user pool, its managed login, its scopes and its groups."""
        federation = self.options.federation
        prefix = self.options.domain_prefix or f"{_slug(name or self.node.path)}-{ACCOUNT_ID}"
        host = f"{prefix}.auth.{REGION}.amazoncognito.com"
        self.sign_in_url = f"https://{host}"
        self.pool = pool = self._pool(name, host)
        self.pool_arn: str = pool.attr_arn
        self.pool_id: str = pool.ref
        # Version 2 is managed login: https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-branding.html
        cognito.CfnUserPoolDomain(self, "Domain", user_pool_id=pool.ref, domain=prefix, managed_login_version=2)
        server = cognito.CfnUserPoolResourceServer(
            self,
            "Scopes",
            user_pool_id=pool.ref,
            identifier=RESOURCE_SERVER,
            name="Chat and assistants",
            scopes=[{"scopeName": scope, "scopeDescription": text} for scope, text in SCOPES.items()],
        )
        self._before.append(server)
        CfnOutput(self, "SignInDomain", value=self.sign_in_url, description="Where users sign in")
        if federation:
            self._before.append(self._federate(federation, self.sign_in_url))
            return
        for group in groups:
            cognito.CfnUserPoolGroup(self, f"Group{group}", user_pool_id=pool.ref, group_name=group)

    def _existing(
        self,
        user_pool: cognito.IUserPool | None,
        clients: Sequence[cognito.IUserPoolClient],
        scopes: Sequence[str],
        *,
        programs: bool,
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
            self._scopes = scopes
            return [client.user_pool_client_id for client in clients]
        assert named  # noqa: S101 - the caller checks
        self.pool_arn = named.arn
        self.pool_id = named.arn.rpartition("/")[2]
        self.groups_claim, self._scopes = named.groups_claim, named.scopes
        region = Stack.of(self).region
        if (not named.client_ids or programs) and not Token.is_unresolved(region) and region_of(named.arn) != region:
            raise InvalidValueError(
                f"{named.arn} is in {region_of(named.arn)}, and an app client can be created in {region} only",
                field="user_pool.arn",
                hint="Name client_ids of the user pool",
            )
        return named.client_ids

    def _pool(self, name: str | None, host: str) -> cognito.CfnUserPool:
        removal_policy = self._foundation.removal_policy
        kept = removal_policy is not RemovalPolicy.DESTROY
        federation, mfa, passkeys = self.options.federation, self.options.mfa, self.options.passkeys
        grouped = bool(federation and federation.groups)
        trigger = self._trigger() if grouped else None
        # A passkey alone satisfies a required second factor only if it verifies its user, and says so:
        # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_WebAuthnConfigurationType.html
        webauthn: dict[str, Any] = {
            "web_authn_relying_party_id": host,
            "web_authn_user_verification": "required",
            "web_authn_factor_configuration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
        }
        pool = cognito.CfnUserPool(
            self,
            "Resource",
            user_pool_name=name,
            # Threat protection requires the Plus plan, which passkeys and functions that change access tokens have too.
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
                },
                "signInPolicy": {"allowedFirstAuthFactors": ["PASSWORD", *(["WEB_AUTHN"] if passkeys else [])]},
            },
            **(webauthn if passkeys else {}),
            # Version 2 of the event changes access tokens:
            # https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
            lambda_config={"preTokenGenerationConfig": {"lambdaArn": trigger.function_arn, "lambdaVersion": "V2_0"}}
            if trigger
            else None,
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
            if grouped
            else None,
        )
        if trigger:
            aws_lambda.CfnPermission(
                self,
                "InvokeGroups",
                action="lambda:InvokeFunction",
                function_name=trigger.function_arn,
                principal="cognito-idp.amazonaws.com",
                source_account=ACCOUNT_ID,
                source_arn=pool.attr_arn,
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

    def _trigger(self) -> PythonFunction:
        """The function that writes the groups of a provider's users into their tokens."""
        function = PythonFunction(
            self,
            "Groups",
            folder="user_groups",
            include=("groups",),
            foundation=self._foundation,
            memory_mib=256,
            timeout_seconds=_TRIGGER_SECONDS,
        )
        alarm(
            self,
            "AlarmGroups",
            topic=self._foundation.topic,
            description="Users cannot sign in: the function that writes their groups into tokens fails. Read its log.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": function.function_name},
            threshold=1,
        )
        return function

    def _client(self, federation: Federation | None) -> cognito.CfnUserPoolClient:
        """The app client that signs users in."""
        own = self._scopes or [scope for name in SCOPES for scope in self.scopes(name)]
        client = self._app_client(
            "Client",
            generate_secret=False,
            # One flow has to be named, or three are allowed. Custom authentication cannot succeed in a user pool
            # without functions for it, so users of a provider have no other way in.
            # https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-managedlogin.html
            explicit_auth_flows=["ALLOW_CUSTOM_AUTH"] if federation else ["ALLOW_USER_AUTH"],
            allowed_o_auth_flows=["code"],
            allowed_o_auth_scopes=list(dict.fromkeys([*_ABOUT_USERS, *own])),
            callback_ur_ls=self.options.callback_urls,
            logout_ur_ls=self.options.logout_urls or None,
            supported_identity_providers=[federation.name if federation else "COGNITO"],
            id_token_validity=self.options.token_minutes,
            refresh_token_validity=1,
            # A refresh token that is used twice was copied.
            # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
            refresh_token_rotation={"feature": "ENABLED", "retryGracePeriodSeconds": 10},
            token_validity_units={"accessToken": "minutes", "idToken": "minutes", "refreshToken": "days"},
            # Cognito writes mapped attributes with the permissions of the client.
            **({"write_attributes": sorted(federation.mapping)} if federation else {}),
        )
        if self.pool:
            # Without a style, managed login shows no page to the users of a client.
            # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateManagedLoginBranding.html
            cognito.CfnManagedLoginBranding(
                self, "Style", user_pool_id=self.pool_id, client_id=client.ref, use_cognito_provided_values=True
            )
        return client

    def _machine(self, name: str, options: MachineOptions) -> str:
        """Create the app client of a program. Cognito generates its secret, which no template and no output holds.

        https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html

        :returns: its id.
        """
        scopes = [each for each in self._scopes if "/" in each]
        if self._scopes and not scopes:
            raise InvalidValueError(
                f"The program {name} needs a scope of a resource server, and the user pool names none",
                field="user_pool.scopes",
                hint="Name one, such as documents/read",
            )
        client = self._app_client(
            f"Machine-{name}",
            client_name=name,
            generate_secret=True,
            # No user signs in at this client.
            explicit_auth_flows=["ALLOW_CUSTOM_AUTH"],
            allowed_o_auth_flows=["client_credentials"],
            allowed_o_auth_scopes=scopes or [scope for each in options.scopes for scope in self.scopes(each)],
            token_validity_units={"accessToken": "minutes"},
        )
        CfnOutput(self, f"Machine-{name}-ClientId", value=client.ref, description=f"App client of the program {name}")
        return client.ref

    def _app_client(self, id: str, **properties: Any) -> cognito.CfnUserPoolClient:  # noqa: ANN401 - of Cognito
        """An app client, in its Region, after what it refers to."""
        client = cognito.CfnUserPoolClient(
            self,
            id,
            user_pool_id=self.pool_id,
            allowed_o_auth_flows_user_pool_client=True,
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=self.options.token_minutes,
            **properties,
        )
        for each in self._before:
            client.add_resource_dependency(each)
        return client

    def _federate(self, federation: Federation, base: str) -> cognito.CfnUserPoolIdentityProvider:
        """Add the identity provider, which sends users back to managed login at ``base``."""
        provider = cognito.CfnUserPoolIdentityProvider(
            self,
            "Provider",
            user_pool_id=self.pool_id,
            provider_name=federation.name,
            provider_type="OIDC" if federation.oidc else "SAML",
            provider_details=_details(federation),
            attribute_mapping=federation.mapping,
        )
        answers = f"{base}/oauth2/idpresponse" if federation.oidc else f"{base}/saml2/idpresponse"
        CfnOutput(
            self, "ProviderCallback", value=answers, description="Redirect URI or ACS URL to register at the provider"
        )
        if federation.saml:
            entity = Fn.join("", ["urn:amazon:cognito:sp:", self.pool_id])
            CfnOutput(self, "ProviderEntity", value=entity, description="SP entity ID to register at the provider")
        return provider


def _slug(name: str) -> str:
    """A name as a part of a domain prefix: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html"""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")
    if slug and not any(word in slug for word in RESERVED_WORDS):
        return slug
    return f"users-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


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
