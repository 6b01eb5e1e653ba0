"""Make clients of AWS services, and turn errors of AWS into error messages of one line."""

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
    # boto3 retries lost answers and throttling; no other code retries
    "retries": {"mode": "standard", "total_max_attempts": 5},
}

CREDENTIALS = re.compile("Credential|Token|SSO|Login|Profile")
"""Pattern that matches the class names of all botocore errors about credentials."""

NETWORK = re.compile("Connect|Timeout|HTTPClient")
"""Pattern that matches the class names of all botocore errors about the network."""

LOG_IN = "log in again (aws sso login), or set AWS_PROFILE"


@dataclass(frozen=True)
class Account:
    """The account, region and endpoint of requests to AWS.

    If a field is None, its value comes from the AWS configuration of this machine: from environment variables such as
    AWS_REGION, or from the files in ``~/.aws``.

    + region: name of the AWS region
    + profile: name of a profile in ``~/.aws/config``
    + endpoint_url: URL that gets all requests instead of AWS, for example for tests
    """

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None

    def ec2(self) -> EC2Client:
        """Make a client of EC2. Raises OrchestratorError if the AWS configuration is wrong."""
        client: EC2Client = self._client("ec2")
        return client

    def autoscaling(self) -> AutoScalingClient:
        """Make a client of EC2 Auto Scaling. Raises OrchestratorError if the AWS configuration is wrong."""
        client: AutoScalingClient = self._client("autoscaling")
        return client

    def elb(self) -> ElasticLoadBalancingv2Client:
        """Make a client of Elastic Load Balancing. Raises OrchestratorError if the AWS configuration is wrong."""
        client: ElasticLoadBalancingv2Client = self._client("elbv2")
        return client

    def cloudwatch(self) -> CloudWatchClient:
        """Make a client of CloudWatch. Raises OrchestratorError if the AWS configuration is wrong."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    def s3(self) -> Any:
        """Make a client of S3. Raises OrchestratorError if the AWS configuration is wrong."""
        return self._client("s3")

    def presigned(self, bucket: str, key: str, seconds: int) -> str:
        """Return a URL with which anyone can read an object in S3 without credentials.

        + bucket, key: bucket and key of the object
        + seconds: how long the URL is valid, in seconds

        Raises OrchestratorError if the AWS configuration is wrong, for example if credentials are missing.
        """
        # signature version 4 works in every region; the virtual-hosted address needs no redirect
        more: dict[str, Any] = {"signature_version": "s3v4"}
        if self.endpoint_url is None:
            more["s3"] = {"addressing_style": "virtual"}
        with asking(f"s3://{bucket}/{key}", "docs/sources.md"):
            url: str = self._client("s3", **more).generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
            )
        return url

    def _client(self, service: str, **more: Any) -> Any:
        # imported here: the import takes 0.2 s, and breaks TLS if gevent has not patched the standard library yet
        from botocore.config import Config

        with asking(f"AWS {service}"):
            config = Config(**CLIENT_SETTINGS, **more)
            return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    @cached_property
    def _session(self) -> Any:
        """Return the session that all clients share, so that credentials and service models are read only once."""
        import boto3

        # boto3 itself reads AWS_DEFAULT_REGION, but not AWS_REGION
        region = self.region or os.environ.get("AWS_REGION") or None
        return boto3.Session(profile_name=self.profile, region_name=region)


@contextmanager
def asking(what: str, page: str = "docs/aws-instances.md") -> Iterator[None]:
    """Turn an error of AWS in the ``with`` block into an OrchestratorError with a message of one line.

    + what: the object that the requests are about, such as ``Auto Scaling group shop``. The message begins with this
      text.
    + page: page of the documentation that lists the AWS permissions for the requests
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
    """Return one line that explains an error that AWS sent, and says what to do. Pure.

    + code, message: code and message of the error, as AWS sent them
    + page: page of the documentation that lists the AWS permissions for the request
    """
    message = " ".join(message.split())
    if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"):
        return f"the AWS credentials have expired ({code}); {LOG_IN} and repeat the command"
    if code in ("InvalidClientTokenId", "AuthFailure", "SignatureDoesNotMatch", "UnrecognizedClientException"):
        return f"the AWS credentials are wrong ({code}); {LOG_IN}"
    if code in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"):
        return f"not allowed ({message}); add the permissions that {page} lists"
    if code in ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"):
        tries = CLIENT_SETTINGS["retries"]["total_max_attempts"]
        return f"AWS throttled the request {tries} times ({code}); repeat the command in a minute"
    if code in ("RuleNotFound", "TargetGroupNotFound"):
        return f"{code}: {message}; correct the ARN in the settings, or the account or region"
    if code == "OperationNotPermitted":
        return f"AWS does not permit the request ({message}); if the rule is the default rule, make a separate rule"
    if code == "TooManyTags":
        return f"there is no room for one more tag ({message}); remove unused tags, or let a barred node in"
    return f"{code}: {message}"


def explain_own(name: str, text: str) -> str:
    """Return one line that explains an error that botocore (the library of boto3) raised, and says what to do. Pure.

    Such an error is not an answer of AWS: for example, credentials are missing or the network is down.

    + name: name of the error's class
    + text: message of the error
    """
    text = " ".join(text.split())
    if name == "NoRegionError":
        return f"{text}; set AWS_REGION"
    if CREDENTIALS.search(name):
        return f"{text}; {LOG_IN}"
    if NETWORK.search(name):
        return f"{text}; check the network, and endpoint_url in the settings (for AWS itself, leave endpoint_url out)"
    return text
