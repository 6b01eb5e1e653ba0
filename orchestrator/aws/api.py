"""Clients of AWS, and what AWS refuses as one line for the operator."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

CLIENT_SETTINGS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    # boto3 retries what is worth it (lost answers, throttling), nothing above it does
    "retries": {"mode": "standard", "total_max_attempts": 5},
}

CREDENTIALS = re.compile("Credential|Token|SSO|Login|Profile")
"""Names of botocore's own errors that have to do with credentials."""

NETWORK = re.compile("Connect|Timeout|HTTPClient")
"""And with the network."""

LOG_IN = "log in again (aws sso login), or set AWS_PROFILE"


@dataclass(frozen=True)
class Account:
    """Where and as whom to ask AWS. What is None is found where every AWS tool finds it, AWS_REGION included."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None

    def ec2(self) -> EC2Client:
        """A client of EC2. Raises OrchestratorError."""
        client: EC2Client = self._client("ec2")
        return client

    def autoscaling(self) -> AutoScalingClient:
        """A client of EC2 Auto Scaling. Raises OrchestratorError."""
        client: AutoScalingClient = self._client("autoscaling")
        return client

    def elb(self) -> ElasticLoadBalancingv2Client:
        """A client of Elastic Load Balancing. Raises OrchestratorError."""
        client: ElasticLoadBalancingv2Client = self._client("elbv2")
        return client

    def cloudwatch(self) -> CloudWatchClient:
        """A client of CloudWatch. Raises OrchestratorError."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    def s3(self) -> Any:
        """A client of S3. Raises OrchestratorError."""
        return self._client("s3")

    def presigned(self, bucket: str, key: str, seconds: int) -> str:
        """A URL by which anybody may read an object of S3 for so many seconds. Raises OrchestratorError."""
        # the newest signature, which every region takes, for the bucket's own region, which redirects nowhere
        more: dict[str, Any] = {"signature_version": "s3v4"}
        if self.endpoint_url is None:
            more["s3"] = {"addressing_style": "virtual"}
        with asking(f"s3://{bucket}/{key}", "docs/sources.md"):
            url: str = self._client("s3", **more).generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
            )
        return url

    def _client(self, service: str, **more: Any) -> Any:
        # imported when used: it takes 0.2 s, and breaks TLS if that happens before gevent patches the standard library
        from botocore.config import Config

        with asking(f"AWS {service}"):
            config = Config(**CLIENT_SETTINGS, **more)
            return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def _session(self) -> Any:
        """One for all clients: it finds credentials and reads the services' models once."""
        import boto3

        # boto3 itself reads AWS_DEFAULT_REGION only
        region = self.region or os.environ.get("AWS_REGION") or None
        return boto3.Session(profile_name=self.profile, region_name=region)


@contextmanager
def asking(what: str, page: str = "docs/aws-instances.md") -> Iterator[None]:
    """Turn an error of AWS in the ``with`` block into one line for the operator. Raises OrchestratorError.

    + what: the thing that AWS is asked about, with its name: ``Auto Scaling group shop``
    + page: the docs page that lists the permissions for the request
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        raise OrchestratorError(f"{what}: {explain(said.get('Code', ''), said.get('Message', ''), page)}") from error
    except BotoCoreError as error:
        raise OrchestratorError(f"{what}: {explain_own(type(error).__name__, str(error))}") from error


def explain(code: str, message: str, page: str = "docs/aws-instances.md") -> str:
    """One line for an error code of AWS. Pure."""
    message = " ".join(message.split())
    if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"):
        return f"the AWS credentials have expired ({code}); {LOG_IN} and repeat the command"
    if code in ("InvalidClientTokenId", "AuthFailure", "SignatureDoesNotMatch", "UnrecognizedClientException"):
        return f"the AWS credentials are wrong ({code}); {LOG_IN}"
    if code in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"):
        return f"not allowed ({message}); {page} lists the permissions"
    if code in ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"):
        tries = CLIENT_SETTINGS["retries"]["total_max_attempts"]
        return f"AWS asks to slow down ({code}), {tries} times; repeat the command in a minute"
    if code in ("RuleNotFound", "TargetGroupNotFound"):
        return f"{code}: {message}; correct the ARN in the settings, or the account or region"
    if code == "OperationNotPermitted":
        return f"AWS does not permit it ({message}); is it the listener's default rule? Make a rule of its own"
    if code == "TooManyTags":
        return f"no room for one more tag ({message}); remove tags that nobody needs, or let a barred node in"
    return f"{code}: {message}"


def explain_own(name: str, text: str) -> str:
    """One line for an error of botocore's own. Pure.

    + name: of its class
    """
    text = " ".join(text.split())
    if name == "NoRegionError":
        return f"{text}; set AWS_REGION"
    if CREDENTIALS.search(name):
        return f"{text}; {LOG_IN}"
    if NETWORK.search(name):
        return f"{text}; is the network up, and is endpoint_url right (leave it out for AWS's own)?"
    return text
