"""IAM's reading actions, as its API reference has them."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from bench.fake.report import encoded
from bench.fake.state import Refusal, Reports
from bench.fake.xml import page, stamp
from bench.fleet import Fleet, Key, User, account_number, user_of_key

Params = Mapping[str, str]
PAGE, LARGEST_PAGE = 100, 1000
# What other tools ask for: listings that are empty here, each with its name, and fixed answers.
EMPTY = {
    "ListAccountAliases": "AccountAliases",
    "ListAttachedUserPolicies": "AttachedPolicies",
    "ListGroups": "Groups",
    "ListInstanceProfiles": "InstanceProfiles",
    "ListMFADevices": "MFADevices",
    "ListPolicies": "Policies",
    "ListRoles": "Roles",
    "ListSAMLProviders": "SAMLProviderList",
    "ListOpenIDConnectProviders": "OpenIDConnectProviderList",
    "ListSSHPublicKeys": "SSHPublicKeys",
    "ListServerCertificates": "ServerCertificateMetadataList",
    "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    "ListSigningCertificates": "Certificates",
    "ListUserPolicies": "PolicyNames",
    "ListVirtualMFADevices": "VirtualMFADevices",
}
FIXED = {
    "GenerateServiceLastAccessedDetails": f"<JobId>{'0' * 36}</JobId>",
    "GetServiceLastAccessedDetails": (
        "<JobStatus>COMPLETED</JobStatus><JobCreationDate>2026-01-01T00:00:00Z</JobCreationDate>"
        "<JobCompletionDate>2026-01-01T00:00:00Z</JobCompletionDate><ServicesLastAccessed/>"
    ),
}


class Iam:
    """Every account's IAM. An action gets the account's id and the request's parameters, and gives the inside
    of its result as XML."""

    def __init__(self, fleet: Fleet, reports: Reports) -> None:
        self.fleet, self.reports = fleet, reports
        self._encoded = lru_cache(maxsize=1024)(self._encode)
        self._details = lru_cache(maxsize=64)(self._detail_all)

    def action(self, name: str) -> Callable[[str, Params], str]:
        """Raises `Refusal` for one that there isn't."""
        if name in ACTIONS:
            found: Callable[[str, Params], str] = getattr(self, ACTIONS[name])
            return found
        if name in FIXED:
            return lambda account, params: FIXED[name]
        if name in EMPTY:
            return lambda account, params: page(EMPTY[name], [], None)
        raise Refusal("NoSuchEntity" if name.startswith("Get") else "InvalidAction", name, 404)

    # --- the credential report ---

    def generate_report(self, account: str, params: Params) -> str:
        return f"<State>{self.reports.generate(account)}</State>"

    def get_report(self, account: str, params: Params) -> str:
        made = stamp(self.reports.made_at(account))
        content = f"<Content>{self._encoded(account)}</Content>"
        return f"{content}<ReportFormat>text/csv</ReportFormat><GeneratedTime>{made}</GeneratedTime>"

    def _encode(self, account: str) -> str:
        return encoded(account, self._users(account))

    # --- users ---

    def list_users(self, account: str, params: Params) -> str:
        return _paged("Users", params, [_describe(account, user) for user in self._users(account)])

    def get_user(self, account: str, params: Params) -> str:
        user = self._user(account, params)
        return f"<User>{_describe(account, user)}{_tags(user)}</User>"

    def details(self, account: str, params: Params) -> str:
        wanted = {value for name, value in params.items() if name.startswith("Filter.")}
        users = self._details(account) if not wanted or "User" in wanted else []
        others = "<GroupDetailList/><RoleDetailList/><Policies/>"
        return _paged("UserDetailList", params, users) + others

    def _detail_all(self, account: str) -> list[str]:
        return [_detail(account, user) for user in self._users(account)]

    def tags(self, account: str, params: Params) -> str:
        return f"{_tags(self._user(account, params))}<IsTruncated>false</IsTruncated>"

    def groups(self, account: str, params: Params) -> str:
        made = stamp(self.fleet.now - 900 * 86_400)
        named = [
            f"<Path>/</Path><GroupName>{name}</GroupName><GroupId>AGPA{name.upper()}</GroupId>"
            f"<Arn>arn:aws:iam::{account}:group/{name}</Arn><CreateDate>{made}</CreateDate>"
            for name in self._user(account, params).groups
        ]
        return page("Groups", named, None)

    # --- keys ---

    def list_keys(self, account: str, params: Params) -> str:
        user = self._user(account, params)
        return page("AccessKeyMetadata", [_metadata(user, key) for key in user.keys], None)

    def last_used(self, account: str, params: Params) -> str:
        number, place = user_of_key(params["AccessKeyId"])
        if number != account_number(account) or place >= self.fleet.users:
            raise Refusal("AccessDenied", "no such key here", 403)
        user = self.fleet.users_of(number)[place]
        used = next((_use(key) for key in user.keys if key.id == params["AccessKeyId"]), "")
        return f"<UserName>{user.name}</UserName><AccessKeyLastUsed>{used}</AccessKeyLastUsed>"

    def summary(self, account: str, params: Params) -> str:
        facts = {"AccountAccessKeysPresent": 0, "AccountMFAEnabled": 1, "Users": self.fleet.users}
        entries = (f"<entry><key>{name}</key><value>{value}</value></entry>" for name, value in facts.items())
        return f"<SummaryMap>{''.join(entries)}</SummaryMap>"

    def attached_policies(self, account: str, params: Params) -> str:
        """Asked for AWS's own: an account has some, and nobody here is quarantined."""
        named = [
            f"<PolicyName>{name}</PolicyName><PolicyId>ANPA1</PolicyId><Arn>arn:aws:iam::aws:policy/{name}</Arn>"
            f"<Path>/</Path><DefaultVersionId>v1</DefaultVersionId><AttachmentCount>1</AttachmentCount>"
            f"<CreateDate>2020-01-01T00:00:00Z</CreateDate>"
            for name in ATTACHED
        ]
        return page("Policies", named, None)

    def _users(self, account: str) -> tuple[User, ...]:
        return self.fleet.users_of(account_number(account))

    def _user(self, account: str, params: Params) -> User:
        found = self.fleet.user(account_number(account), params.get("UserName", ""))
        if found is None:
            raise Refusal("NoSuchEntity", "The user with that name cannot be found.", 404)
        return found


ATTACHED = tuple(
    f"{job}Access" for job in ("Administrator", "ReadOnly", "PowerUser", "SecurityAudit", "Billing")
)
ACTIONS = {
    "GenerateCredentialReport": "generate_report",
    "GetCredentialReport": "get_report",
    "ListUsers": "list_users",
    "GetUser": "get_user",
    "GetAccountAuthorizationDetails": "details",
    "ListUserTags": "tags",
    "ListGroupsForUser": "groups",
    "ListAccessKeys": "list_keys",
    "GetAccessKeyLastUsed": "last_used",
    "GetAccountSummary": "summary",
    "ListPolicies": "attached_policies",
}


def _paged(name: str, params: Params, members: list[str]) -> str:
    start = int(params.get("Marker", 0))
    end = start + min(int(params.get("MaxItems", PAGE)), LARGEST_PAGE)
    return page(name, members[start:end], end if end < len(members) else None)


def _describe(account: str, user: User) -> str:
    return (
        f"<Path>{user.path}</Path><UserName>{user.name}</UserName><UserId>AIDA{user.name[-5:]}{account}</UserId>"
        f"<Arn>arn:aws:iam::{account}:user{user.path}{user.name}</Arn><CreateDate>{stamp(user.created)}</CreateDate>"
    )


def _tags(user: User) -> str:
    inner = "".join(f"<member><Key>{key}</Key><Value>{value}</Value></member>" for key, value in user.tags)
    return f"<Tags>{inner}</Tags>"


def _detail(account: str, user: User) -> str:
    groups = "".join(f"<member>{name}</member>" for name in user.groups)
    return f"{_describe(account, user)}<GroupList>{groups}</GroupList><AttachedManagedPolicies/>{_tags(user)}"


def _metadata(user: User, key: Key) -> str:
    status = "Active" if key.active else "Inactive"
    return (
        f"<UserName>{user.name}</UserName><AccessKeyId>{key.id}</AccessKeyId><Status>{status}</Status>"
        f"<CreateDate>{stamp(key.created)}</CreateDate>"
    )


def _use(key: Key) -> str:
    if key.used is None:
        return "<ServiceName>N/A</ServiceName><Region>N/A</Region>"
    date = f"<LastUsedDate>{stamp(key.used)}</LastUsedDate>"
    return f"{date}<ServiceName>{key.service}</ServiceName><Region>{key.region}</Region>"
