"""Who may use an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aws_cdk import CfnOutput, RemovalPolicy, aws_cognito as cognito
from constructs import Construct

from ..gate.acknowledgement import acknowledge

Mfa = Literal["required", "optional"]


class Identity(Construct):
    """A Cognito user pool whose users are invited, with strong passwords, authenticator apps and threat protection.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-threat-protection.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Identity
        from aws_genai.foundation import CostTags
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Users")
        Identity(stack, "Users", pool_name="assistant")
        app.synth()

    :param pool_name: name of the user pool, 1 to 128 characters.
    :param mfa: whether every user needs an authenticator app. Default: required.
    :param auth_flows: how the client signs users in. Default: SRP, which sends no password.
    :param groups: groups of users, which what they may read is told by. Default: none.
    :param token_minutes: minutes that an access token is valid, 5 to 1,440. Default: 60.
    :param removal_policy: what happens to the users on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pool_name: str,
        mfa: Mfa = "required",
        auth_flows: Sequence[str] = ("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"),
        token_minutes: int = 60,
        groups: Sequence[str] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        kept = removal_policy is not RemovalPolicy.DESTROY
        self.pool = cognito.CfnUserPool(
            self,
            "Resource",
            user_pool_name=pool_name,
            # Threat protection is part of the Plus plan.
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
        )
        # A pool that is protected cannot be deleted when its first deploy fails; its name is in nobody's way.
        self.pool.apply_removal_policy(RemovalPolicy.RETAIN if kept else removal_policy)
        for group in groups:
            cognito.CfnUserPoolGroup(self, f"Group{group}", user_pool_id=self.pool.ref, group_name=group)
        self.client = cognito.CfnUserPoolClient(
            self,
            "Client",
            user_pool_id=self.pool.ref,
            generate_secret=False,
            explicit_auth_flows=list(auth_flows),
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=token_minutes,
            id_token_validity=token_minutes,
            refresh_token_validity=1,
            token_validity_units={"accessToken": "minutes", "idToken": "minutes", "refreshToken": "days"},
        )
        self.pool_arn: str = self.pool.attr_arn
        self.pool_id: str = self.pool.ref
        self.client_id: str = self.client.ref
        CfnOutput(self, "PoolId", value=self.pool_id, description="User pool to invite users to")
        CfnOutput(self, "ClientId", value=self.client_id, description="App client that signs users in by SRP")
        if mfa == "optional":
            acknowledge(
                self.pool,
                ("AwsSolutions-COG2", "GENAI_SIGN_IN_NEEDS_MFA"),
                reason="The settings make the second factor optional: this pool guards no production data.",
                met_by="threat protection, which asks for a second factor at a risky sign-in",
            )
