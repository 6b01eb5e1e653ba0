"""Store the lock and the journal (the record of all runs) in an S3 bucket. The bucket must support conditional writes.

    <prefix>/state.json            the lock, the fence, and the records of the newest run
    <prefix>/runs/<fence>.jsonl    the records of each older run, written once, never changed
    <prefix>/conditions            written at the first use, to check that the bucket honours conditional writes

The fence is the number of the newest run. The lock and the newest journal are ONE object, ``state.json``. S3 replaces
this object only if no other process has changed the object since this process read it (``If-Match``). Therefore one
write checks the lock, renews the lease and appends records. No other process can write between this check and the
change.

The store guarantees the following, even if processes freeze and continue later, and if requests are retried:

+ If several processes take the lock at the same time, exactly one process gets the lock. Each fence is larger than all
  earlier fences.
+ A process that renews the lock in time keeps the lock. The renewal changes the object, so S3 refuses the write of any
  process that read the object before the renewal.
+ Once another process has the lock, ``renew`` and ``append`` of the former holder raise Lost and change nothing. So the
  new holder reads all records that the former run will ever have.
+ Records are stored in order. The records of one ``append`` are stored together, and only once. If the answer to a
  write is lost, the store recognises the write by its id.
+ The records of a run are removed from ``state.json`` only after they are stored under ``runs/``.

The store does not guarantee the following:

+ If S3 does not answer at all, ``append`` raises OrchestratorError. The records of this ``append`` may or may not be
  stored. The next ``append`` of the holder continues from the state that is stored.
+ A holder learns only at its next call that it has lost the lock. Until then, the guard on each node must refuse the
  commands of this holder.

The age of the lease is measured by S3's clock: ``Date`` minus ``LastModified`` of one answer. A run that waits for the
lock also takes the lock if the object has not changed for the duration of the lease, by the run's own clock. Never
delete ``state.json``, because it holds the fence. In a versioned bucket, each renewal makes a version, so a lifecycle
rule should expire noncurrent versions.

The store needs the permissions s3:GetObject and s3:PutObject on the prefix, and s3:ListBucket on the bucket. Without
s3:ListBucket, S3 answers "access denied" if an object is missing.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from orchestrator.errors import Internal, OrchestratorError, Refused
from orchestrator.journal.lines import owner_of, records_of
from orchestrator.journal.store import NEWEST, Contents, Held, Lost, Owner, Record, Remark

CLIENT_SETTINGS: dict[str, Any] = {
    # a call that hangs must end before the lease does
    "connect_timeout": 3,
    "read_timeout": 5,
    "retries": {"mode": "standard", "total_max_attempts": 4},
}

TRIES = 10
"""Number of attempts to write an object.

An attempt fails if another process writes the object at the same time.
"""

STATE = "state.json"
"""Name of the object that holds the lock and the newest journal."""

WINDOW = 1000
"""Number of the latest fences (numbers of runs) among which the newest runs are searched first.

S3 lists this number of keys in one answer, the oldest keys first. If too few runs are found among the latest fences,
all fences are listed.
"""


CREDENTIALS = re.compile("Credential|Token|SSO|Login|Profile")
"""Pattern that matches the class names of all botocore errors about credentials."""


def client(region: str | None = None, profile: str | None = None, endpoint_url: str | None = None) -> Any:
    """Make an S3 client. The credentials come from the AWS configuration of this machine.

    + region, profile, endpoint_url: None for the values of the AWS configuration
    """
    # imported here: the import takes 0.2 s, and breaks TLS if it comes before gevent patches the standard library
    import boto3
    from botocore.config import Config

    # boto3 itself reads AWS_DEFAULT_REGION, but not AWS_REGION
    session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
    return session.client("s3", endpoint_url=endpoint_url, config=Config(**CLIENT_SETTINGS))


@dataclass(frozen=True)
class _State:
    """The contents of ``state.json``.

    + fence: the number of the newest run
    + write: the random id of the write that made this state
    + owner: the holder of the lock, with the token; None if the lock is free
    + run: the number of the run to which ``records`` belong. This number is less than ``fence`` until the first
      ``append`` of the newest run.
    + records: all records of that run, oldest first
    """

    fence: int = 0
    write: str = ""
    owner: Owner | None = None
    run: int = 0
    records: tuple[Record, ...] = ()

    def is_of(self, owner: Owner) -> bool:
        return self.owner is not None and self.owner.token == owner.token

    def to_json(self) -> bytes:
        owner = asdict(self.owner) if self.owner else None
        return _dumps({**vars(self), "owner": owner}).encode()

    @staticmethod
    def parse(text: bytes) -> _State:
        """Return the state in the text of ``state.json``, which ``to_json`` made.

        Keys that this version does not know are ignored. Raises ValueError, TypeError, KeyError, OverflowError or
        RecursionError if the text is not a state.
        """
        raw = dict(json.loads(text))
        owner, _ = owner_of(raw["owner"], STATE) if raw.get("owner") else (None, ())
        records = raw.get("records")
        return _State(
            int(raw["fence"]),
            str(raw.get("write", "")),
            owner,
            int(raw.get("run", 0)),
            tuple(records) if isinstance(records, list) else (),
        )


@dataclass(frozen=True)
class _Seen:
    """A state that was read from the bucket or written to the bucket.

    + etag: the etag of the object; None if the object does not exist
    + age: seconds since the object was written, by S3's clock. S3 cuts times to whole seconds, so this number is up to
      two seconds less than the true age.
    """

    state: _State
    etag: str | None
    age: float

    def held(self) -> Held | None:
        """Return the holder of the lock; None if the lock is free.

        The result does not have the token, because no other process may know the token.
        """
        owner = self.state.owner
        return Held(replace(owner, token=""), self.age, self.etag or "") if owner else None


class ConditionFailed(Internal):
    """S3 refused a conditional request, or the object does not exist.

    + code: S3's error code
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class S3Store:
    """A store that keeps the lock and the journal under a prefix of a bucket."""

    def __init__(self, connect: Callable[[], Any], bucket: str, prefix: str) -> None:
        """Keep the arguments. The client is made only when the store is first used.

        + connect: makes the client, such as ``partial(client, region, profile, endpoint_url)``
        """
        self._connect = connect
        self._client: Any = None
        self.seen: Contents | None = None
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/".lstrip("/")
        # a renewal must not come between an append and the check whether the append was applied
        self._one_at_a_time = threading.Lock()
        self._last: _Seen | None = None

    def take(self, owner: Owner, lease: float, above: int = 0, unchanged: str = "") -> int | Held:
        def over(seen: _Seen) -> _State | None:
            if seen.etag is None:
                self._first_use()
            is_over = seen.age >= lease or (seen.etag or "") == unchanged
            if seen.state.owner and not seen.state.is_of(owner) and not is_over:
                return None
            return replace(seen.state, fence=max(seen.state.fence, above) + 1, owner=owner)

        try:
            seen = self._change(over, fresh=True)
        except OrchestratorError as error:
            raise Refused(str(error)) from error
        held = seen.held()
        return held if held and not seen.state.is_of(owner) else seen.state.fence

    def renew(self, owner: Owner) -> None:
        def again(seen: _Seen) -> _State:
            if not seen.state.is_of(owner):
                raise Lost("another run took the lock")
            return seen.state

        self._change(again)

    def append(self, owner: Owner, fence: int, records: Sequence[Record]) -> None:
        self._change(lambda seen: self._longer(seen.state, owner, fence, records))

    def end(self, owner: Owner, fence: int, records: Sequence[Record]) -> bool:
        def ended(seen: _Seen) -> _State | None:
            if not seen.state.is_of(owner) and self._has(seen.state, fence, records):
                # the answer to our write was lost, and another run has taken the free lock since
                return None
            return replace(self._longer(seen.state, owner, fence, records), owner=None)

        self._change(ended)
        return True

    def _longer(self, state: _State, owner: Owner, fence: int, records: Sequence[Record]) -> _State:
        """Return a state with more records of a run. Raises Lost if this process no longer holds the lock."""
        if not state.is_of(owner) or state.fence != fence:
            raise Lost("another run took the lock")
        if state.run == fence:
            return replace(state, records=(*state.records, *records))
        if state.records:
            # The run of these records no longer holds the lock, so its records are final. If the object of this run
            # exists already, the object has the same content.
            self._put(self._run_key(state.run), _lines(state.records), None)
        return replace(state, run=fence, records=tuple(records))

    def _has(self, state: _State, fence: int, records: Sequence[Record]) -> bool:
        """Return whether the journal of a run ends with these records.

        If yes, this process has written the records, because no other write can have the same records.
        """
        kept = map(_dumps, state.records) if state.run == fence else filter(None, self._get_run(fence))
        return list(kept)[-len(records) :] == [_dumps(record) for record in records]

    def give_back(self, owner: Owner) -> None:
        self._change(lambda seen: replace(seen.state, owner=None) if seen.state.is_of(owner) else None)

    def break_lock(self, held: Held) -> None:
        def free(seen: _Seen) -> _State | None:
            now = seen.held()
            return replace(seen.state, owner=None) if now and now.owner == replace(held.owner, token="") else None

        self._change(free, fresh=True)

    def adopt(self, owner: Owner, number: int, records: Sequence[Record]) -> None:
        def longer(seen: _Seen) -> _State:
            state = seen.state
            if not state.is_of(owner):
                raise Lost("another run took the lock")
            if state.run == number:
                return replace(state, records=(*state.records, *records))
            if number > state.run:
                # a run without a journal came after the run of these records: `read` returns only runs up to the newest
                if state.records:
                    self._put(self._run_key(state.run), _lines(state.records), None)
                return replace(state, run=number, records=tuple(records))
            # if the object exists, an earlier command has adopted the records
            self._put(self._run_key(number), _lines(records), None)
            return state

        self._change(longer)

    def read(self, runs: int = NEWEST) -> Contents:
        seen = self._get_state()
        newest = [seen.state.run] if seen.state.records else []
        older = self._archived(before=seen.state.run, runs=runs - len(newest))
        with ThreadPoolExecutor(8) as pool:
            texts = [*pool.map(self._get_run, older), *(map(_dumps, seen.state.records) for _ in newest)]
        found: list[list[Record]] = []
        remarks: list[Remark] = []
        for index, (number, lines) in enumerate(zip([*older, *newest], texts, strict=True)):
            file = STATE if [number] == newest else self._run_key(number)
            records, left_out = records_of(file, lines)
            found.append(records)
            remarks += [Remark(line, index) for line in left_out]
        return Contents(seen.held(), found, [*older, *newest], remarks)

    def _change(self, change: Callable[[_Seen], _State | None], fresh: bool = False) -> _Seen:
        """Atomically replace the state by the result of ``change``. Return the state that is in the bucket afterwards.

        + change: gets the present state, and returns the new state, or None to leave the state unchanged. If another
          process has written meanwhile, ``change`` is called again.
        + fresh: whether to read the state from S3 first. If False, ``change`` gets the state that this process wrote
          last, with an age of 0 seconds.

        Raises OrchestratorError if S3 refuses, or if another process writes before each of TRIES attempts.
        """
        write = secrets.token_hex(8)
        with self._one_at_a_time:
            seen = self._last if self._last and not fresh else self._get_state()
            self._last = None
            for tried in range(TRIES):
                wanted = change(seen)
                if wanted is None:
                    return seen
                wanted = replace(wanted, write=write)
                etag = self._put(self._state_key, wanted.to_json(), seen.etag)
                if etag is not None:
                    self._last = _Seen(wanted, etag, 0.0)
                    return self._last
                time.sleep(0.02 * tried)
                seen = self._get_state()
                if seen.state.write == write:
                    # our write succeeded and its answer was lost; S3 refused only the second attempt, which boto3 made
                    # itself
                    self._last = seen
                    return seen
        raise OrchestratorError(
            f"{self._url(self._state_key)} was not written: before each of {TRIES} attempts, another process had "
            "changed the object. Repeat the command"
        )

    def _first_use(self) -> None:
        """Check the bucket. Call this function if ``state.json`` does not exist.

        If there are already records of runs, ``state.json`` must have existed and was deleted. In this case, raises
        OrchestratorError. Also raises OrchestratorError if the bucket ignores conditional writes, because two runs
        could then hold the lock at the same time.
        """
        if self._archived(before=None, runs=1):
            raise OrchestratorError(
                f"{self._url(self._state_key)} does not exist, although there are records of runs: restore the last "
                'version of the object, or write {"fence": N} to the object, where N is at least the largest number in '
                "the fleet's fence files"
            )
        key = f"{self._prefix}conditions"
        self._call("put_object", Key=key, Body=b"")
        if self._put(key, b"", None) is not None or self._put(key, b"", f'"{"0" * 32}"') is not None:
            raise OrchestratorError(
                f"{self._url('')} ignores If-None-Match or If-Match, so two runs could hold the lock at the same time: "
                "use another store"
            )

    def _get_state(self) -> _Seen:
        key = self._state_key
        try:
            reply = self._call("get_object", Key=key)
        except ConditionFailed:
            return _Seen(_State(), None, 0.0)
        try:
            state = _State.parse(reply["Body"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise OrchestratorError(f"{self._url(key)} is not the state of a journal: {error}") from error
        date = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            raise OrchestratorError(
                f"{self._url(key)}: the answer of the store has no Date header, which the lease needs: use another "
                "store"
            )
        # both times are cut to whole seconds, so up to a second less than their difference may have passed
        passed = (parsedate_to_datetime(date) - reply["LastModified"]).total_seconds() - 1.0
        return _Seen(state, reply["ETag"], max(0.0, passed))

    def _get_run(self, fence: int) -> list[str]:
        """Return the lines of an older run's journal."""
        try:
            text: bytes = self._call("get_object", Key=self._run_key(fence))["Body"]
            return text.decode(errors="replace").split("\n")
        except ConditionFailed:
            # a lifecycle rule has deleted it meanwhile
            return []

    def _archived(self, before: int | None, runs: int) -> list[int]:
        """Return the fences of the newest runs under ``runs/``, oldest first.

        + before: only fences less than this; None for all fences
        + runs: the largest number of fences to return
        """
        since = max(0, before - WINDOW) if before is not None else 0
        found = self._list(since, before)
        if len(found) < runs and since:
            found = self._list(0, before)
        return found[-runs:] if runs > 0 else []

    def _list(self, since: int, before: int | None) -> list[int]:
        folder = f"{self._prefix}runs/"
        after: dict[str, str] = {"StartAfter": self._run_key(since)}
        found: list[int] = []
        while True:
            page = self._call("list_objects_v2", Prefix=folder, **after)
            names = (item["Key"].removeprefix(folder).removesuffix(".jsonl") for item in page.get("Contents", ()))
            found += [int(name) for name in names if name.isdecimal()]
            if not page.get("IsTruncated") or (before is not None and found and found[-1] >= before):
                return [fence for fence in found if before is None or fence < before]
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def _put(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Write an object on a condition. Return the new etag; None if the condition was not met.

        + etag: the etag that the object must have before the write; None if the object must not exist

        Raises OrchestratorError if S3 refuses for another reason, or is busy with another write at each of TRIES
        attempts.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        for tried in range(TRIES):
            try:
                return str(self._call("put_object", Key=key, Body=body, **condition)["ETag"])
            except ConditionFailed as refusal:
                if refusal.code != "ConditionalRequestConflict":
                    return None
            time.sleep(0.02 * tried)
        raise OrchestratorError(
            f"{self._url(key)} was not written: at each of {TRIES} attempts, another process was writing the object. "
            "Repeat the command"
        )

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Send a request to S3, and return the answer. If the answer has a body, the key ``Body`` has its bytes.

        boto3 itself retries requests without an answer and throttled requests, so this function retries nothing.

        + method: name of the method of boto3's client, such as ``put_object``

        Raises ConditionFailed if S3 refuses the request's condition or the object does not exist, and OrchestratorError
        for every other error.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = self._connect()
            reply: dict[str, Any] = getattr(self._client, method)(Bucket=self._bucket, **arguments)
            if "Body" in reply:
                reply["Body"] = reply["Body"].read()
            return reply
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                raise ConditionFailed(code) from None
            what = self._explain(code, error.response["Error"].get("Message", ""))
            raise OrchestratorError(f"{self._url(arguments.get('Key', self._prefix))}: {what}") from error
        except BotoCoreError as error:
            name = type(error).__name__
            hint = "; log in again (aws sso login), or set the profile" if CREDENTIALS.search(name) else ""
            text = " ".join(str(error).split())
            raise OrchestratorError(f"{self._url(arguments.get('Key', self._prefix))}: {text}{hint}") from error

    def _explain(self, code: str, message: str) -> str:
        if code in ("AccessDenied", "AllAccessDisabled"):
            return (
                f"access denied ({message}); the journal needs s3:GetObject and s3:PutObject on {self._prefix}* "
                f"and s3:ListBucket on {self._bucket}"
            )
        if code == "NoSuchBucket":
            return f"there is no bucket {self._bucket}: make the bucket, or correct journal.bucket"
        if code in ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"):
            return f"the AWS credentials have expired ({code}); log in again (aws sso login) and repeat the command"
        if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"):
            return f"the AWS credentials are wrong ({code})"
        if code == "RequestTimeTooSkewed":
            return "this machine's clock is more than 15 minutes off: correct the clock"
        if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"):
            return f"the bucket is in another region: set journal.region ({message})"
        if code in ("SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "503") or "Throttl" in code:
            tries = CLIENT_SETTINGS["retries"]["total_max_attempts"]
            return f"S3 asks to slow down ({code}), {tries} times in a row; try again in a minute"
        return f"{code}: {message}"

    @property
    def _state_key(self) -> str:
        return f"{self._prefix}{STATE}"

    def _run_key(self, fence: int) -> str:
        return f"{self._prefix}runs/{fence:010d}.jsonl"

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _lines(records: Iterable[Record]) -> bytes:
    return "".join(_dumps(record) + "\n" for record in records).encode()
