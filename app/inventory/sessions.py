"""AWS sessions: the hub's from the SDK's default chain, and one assumed role per account and purpose.

Endpoints follow the SDK's own `AWS_ENDPOINT_URL…` variables. Nothing is created at import time.
"""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Lock, RLock
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import botocore.session
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from app import __version__
from app.clock import Clock, SystemClock, boot_clock
from app.errors import Permanent
from app.inventory.api import Api, Deadline, Pace
from app.inventory.budget import ApiBudget, Budget, RetryBudget, Unbudgeted
from app.inventory.credentials import (
    LONG_LIVED_PREFIX,
    SESSION_SECONDS,
    HubScope,
    PerCallProvider,
    Purpose,
    RoleScope,
    Scope,
    source_key,
)
from app.inventory.crew import Crew
from app.inventory.faults import translate
from app.inventory.interface import HubIdentity
from app.inventory.signed import wire_over
from app.inventory.tempo import Tempo
from app.inventory.watch import Calls, CountedWire, DateSkew
from app.inventory.wire import SdkWire, Wire
from app.model import Account, RoleRef

GLOBAL_REGION = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
SCOPE_KEPT = 86_400.0  # seconds for which nobody has asked for a role: its session ended long before
HUB_CALL = timedelta(minutes=5)  # one call of the hub's own, throttling included
# An act lands within 10 s of its start or not at all, which is what the lease must outlast: so long
# for assuming the role (kept for the next attempt), then so long to connect and to read.
ACT_ASSUME, ACT_CONNECT, ACT_READ = timedelta(seconds=3), timedelta(seconds=2), timedelta(seconds=5)


@dataclass(frozen=True)
class Limits:
    """Time-outs, and what all calls together may do.

    ``account``: how long one account's scan may take in all. ``connections``: calls under way at once, acts
    aside. ``per_second``: calls a second of all accounts together; None: no ceiling.
    """

    connect: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=20)
    account: timedelta = timedelta(minutes=10)
    connections: int = 64
    per_second: float | None = None


@dataclass
class Sessions:
    """Hands out `Api`s. Thread-safe. Everything that varies in tests is a field."""

    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    clock: Clock = field(default_factory=SystemClock)  # the machine's own, also in rehearsals
    elapsed: Callable[[], float] = boot_clock  # seconds that only go forward
    hub: Any = field(default_factory=botocore.session.Session)
    hostname: Callable[[], str] = socket.gethostname
    calls: Calls = field(default_factory=Calls)

    def __post_init__(self) -> None:
        self.aws_clock = DateSkew(self.clock, self.elapsed)
        self._lock, self._identity_lock = RLock(), Lock()
        self._wires: dict[tuple[str, str | None], Wire] = {}
        self._scopes: dict[tuple[RoleRef, Purpose], RoleScope] = {}
        self._tidied_at = self.pace.monotonic()
        self._identity: HubIdentity | None = None
        self._hub_tempos: dict[str, Tempo] = {}  # by service: each has its own buckets
        self._account_tempos: WeakValueDictionary[str, Tempo] = WeakValueDictionary()  # while anybody asks
        self._budget = ApiBudget(self.limits.connections, self.limits.per_second, self.pace.monotonic)
        self._retries = RetryBudget()
        self.crew = Crew(self.limits.connections)
        self._fleet = botocore.session.Session()
        self._fleet.register_component("data_loader", self.hub.get_component("data_loader"))
        self._fleet.register_component("credential_provider", PerCallProvider())
        self._fleet.set_config_variable("sts_regional_endpoints", "regional")

    # --- what the adapters ask for ---

    def reading(self, account: Account, allowed: timedelta | None = None) -> Api:
        """IAM in this account, read-only, as long as a scan may take.

        With ``allowed`` it is for an act or a person: for so long, and not held up by the scan's budget.
        """
        scope, tempo = self._scope(account.reader, "read"), self._tempo_of(account)
        budget = self._budget if allowed is None else Unbudgeted()
        where, time = f"in account {account.id}", allowed or self.limits.account
        return self._api(self._wire("iam"), scope, where, time, tempo, budget)

    def acting(self, account: Account) -> Api:
        """IAM in this account, narrowed to changing access keys; the role is assumed at the first call.

        Nothing holds it up, nor the assuming of its role: no budget, and nobody's pace.
        """
        scope, where = self._scope(account.actor or account.reader, "act"), f"in account {account.id}"
        return self._api(self._wire("iam-act"), scope, where, ACT_ASSUME, self._new_tempo(), Unbudgeted())

    def looking_up(self, account: Account, region: str, allowed: timedelta) -> Api:
        """CloudTrail in this account and region, in a session that may look up events and nothing else."""
        scope, where = self._scope(account.reader, "callers"), f"in account {account.id}, {region}"
        wire = self._wire("cloudtrail", region)
        return self._api(wire, scope, where, allowed, self._new_tempo(), self._budget)

    def organizations(self) -> "ByHub":
        """AWS Organizations with the hub's own credentials."""
        return ByHub(lambda: self._by_hub("organizations", "by the hub"))

    def contacts(self) -> "ByHub":
        """Account Management with the hub's own credentials."""
        return ByHub(lambda: self._by_hub("account", "by the hub"))

    def identity(self) -> HubIdentity:
        """Who the hub is: asked once. Raises `Transient` or `Permanent`."""
        with self._identity_lock:
            if self._identity is None:
                self._identity = self._ask_identity()
            return self._identity

    def endpoint_overridden(self) -> bool:
        """Whether both IAM and STS are somewhere other than AWS, which a rehearsal demands."""
        endpoints = [self.endpoint(name) for name in ("iam", "iam-act", "sts")]
        partitions = self._fleet.get_component("data_loader").load_data("partitions")["partitions"]
        outputs = [partition["outputs"] for partition in partitions]
        own = {f".{one[name]}" for one in outputs for name in ("dnsSuffix", "dualStackDnsSuffix")}
        return not any((urlsplit(url).hostname or "").endswith(tuple(own)) for url in endpoints)

    def endpoint(self, client: str) -> str:
        """The URL that `iam`, `iam-act`, `sts` or `organizations` calls go to."""
        return self._wire(client).endpoint

    def global_region(self) -> str:
        """Where the partition's global services (IAM, STS) live and leave their traces."""
        region = self._region()
        return GLOBAL_REGION.get(self.hub.get_partition_for_region(region), region)

    def close(self) -> None:
        """Hangs up all connections."""
        with self._lock:
            wires = list(self._wires.values())
        for wire in wires:
            wire.close()

    # --- how ---

    def _api(
        self, wire: Wire, scope: Scope, where: str, allowed: timedelta, tempo: Tempo, budget: Budget
    ) -> Api:
        deadline = Deadline(allowed, self.pace.monotonic)
        return Api(wire, scope, where, deadline, self.pace, tempo, budget, self._retries)

    def _scope(self, role: RoleRef | None, purpose: Purpose) -> Scope:
        if role is None:
            return HubScope(self._hub_credentials, "actor" if purpose == "act" else "hub")
        with self._lock:
            if (role, purpose) not in self._scopes:
                self._drop_idle_scopes()
                assume = partial(self._assume, role.arn, purpose)
                self._scopes[role, purpose] = RoleScope(
                    assume, role, purpose, self._session_name, self.pace.monotonic
                )
            return self._scopes[role, purpose]

    def _drop_idle_scopes(self) -> None:
        """Of accounts that have left: accounts come and go, the service stays. Once an hour is enough."""
        now = self.pace.monotonic()
        if now - self._tidied_at >= SESSION_SECONDS:
            kept = {key: scope for key, scope in self._scopes.items() if scope.idle < SCOPE_KEPT}
            self._scopes, self._tidied_at = kept, now

    def _assume(self, role_arn: str, purpose: Purpose, **params: object) -> Mapping[str, Any]:
        api = self._by_hub("sts", f"of {role_arn}")
        if purpose == "act":
            api = replace(api, tempo=self._new_tempo(), budget=Unbudgeted())
        return api.once("assume_role", **params)

    def _by_hub(self, client: str, where: str) -> Api:
        with self._lock:
            tempo = self._hub_tempos.setdefault(client, self._new_tempo())
        scope = HubScope(self._hub_credentials)
        return self._api(self._wire(client), scope, where, HUB_CALL, tempo, self._budget)

    def _tempo_of(self, account: Account) -> Tempo:
        """One for all that ask this account meanwhile: its calls share a bucket, whoever makes them."""
        with self._lock:
            return self._account_tempos.setdefault(account.id, self._new_tempo())

    def _new_tempo(self) -> Tempo:
        return Tempo(self.pace.monotonic, self.pace.between)

    def _hub_credentials(self) -> ReadOnlyCredentials:
        with self._lock:
            found = self.hub.get_credentials()
        if found is None:
            raise Permanent("no AWS credentials were found: attach a role or set AWS_PROFILE")
        frozen: ReadOnlyCredentials = found.get_frozen_credentials()
        return frozen

    def _wire(self, name: str, region: str | None = None) -> Wire:
        """One client a purpose (and named region) for the life of the process: creating them is slow and
        not thread-safe."""
        with self._lock:
            if (name, region) not in self._wires:
                self._wires[name, region] = self._create(name, region)
            return self._wires[name, region]

    def _create(self, name: str, region: str | None) -> Wire:
        service = name.removesuffix("-act")
        try:
            region = region or (self._region() if service == "sts" else self.global_region())
            client = self._fleet.create_client(service, region_name=region, config=self._config(name))
            ca_bundle = self._fleet.get_config_variable("ca_bundle")
            wire = SdkWire(client) if name.endswith("-act") else wire_over(client, ca_bundle)
        except Exception as error:
            raise translate(error, f"{service}: creating the client", "", "the hub") from None
        return CountedWire(wire, self.calls, self.aws_clock)

    def _config(self, name: str) -> Config:
        acting = name.endswith("-act")
        return Config(
            # All repeating is `Api.call`'s: it outlasts throttling, and a write is never repeated unseen.
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=(ACT_CONNECT if acting else self.limits.connect).total_seconds(),
            read_timeout=(ACT_READ if acting else self.limits.read).total_seconds(),
            max_pool_connections=self.limits.connections,
            user_agent_extra=f"keysteward/{__version__}",
        )

    def _region(self) -> str:
        region: str = self.hub.get_config_variable("region") or GLOBAL_REGION["aws"]
        return region

    def _ask_identity(self) -> HubIdentity:
        answer = self._by_hub("sts", "by the hub").call("get_caller_identity")
        key_id = self._hub_credentials().access_key or ""
        return HubIdentity(
            account_id=answer["Account"],
            arn=answer["Arn"],
            partition=answer["Arn"].split(":")[1],
            key_id=key_id if key_id.startswith(LONG_LIVED_PREFIX) else source_key(self.hub),
        )

    def _session_name(self) -> str:
        return session_name(self.identity().arn, self.hostname())


def session_name(hub_arn: str, hostname: str) -> str:
    """What CloudTrail shows in every account: who reads, and with which version.

    Of `arn:aws:sts::1:assumed-role/ROLE/i-0abc` the role's name, of a user the user's, else the host's.
    """
    resource = hub_arn.split(":", 5)[-1]
    parts = resource.split("/")
    who = {"assumed-role": parts[1:2], "user": parts[-1:]}.get(parts[0], [])
    name = f"keysteward-{(who or [hostname])[0]}"
    room = 64 - len(__version__) - 1
    return re.sub(r"[^\w+=,.@-]", "-", f"{name[:room]}-{__version__}", flags=re.ASCII)


@dataclass(frozen=True)
class ByHub:
    """A `Caller` with the hub's own credentials: it lives as long as the service, its calls do not."""

    connect: Callable[[], Api]

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        return self.connect().call(operation, **params)
