"""The fleet board: how compliant the credentials are, what comes due, and where."""

from dashboards.board import INSTALLATION, About, Board, lay_out, variable
from dashboards.panels import (
    GOOD_AT_ZERO,
    GREEN,
    GREY,
    ORANGE,
    RED,
    STATES,
    WARN_ABOVE_ZERO,
    YELLOW,
    Column,
    Frame,
    Panel,
    Panels,
    Query,
    Steps,
    bars,
    lines,
    newest,
    number,
    rows,
)

ABOUT = About(
    "keysteward-fleet",
    "Keysteward: fleet",
    "Long-lived AWS credentials: how many comply, how old they are, what comes due, and where.",
    "now-30d",
    ("Service health", "keysteward-service"),
)
CHOSEN = 'account=~"$account"'
EACH = ("account_id", "account", "kind", "state")
COMPLIANT = f'job_account:keysteward_credentials_compliant:sum{{job=~"$job",{CHOSEN}}}'
ACTIVE = f'job_account:keysteward_credentials_active:sum{{job=~"$job",{CHOSEN}}}'
RATIO = f"sum({COMPLIANT}) / sum({ACTIVE})"
ON_LADDER = 'state!~"ok|exempt|inactive|unknown"'
UNREAD = 'outcome=~"failed|blocked"'
RATIO_STEPS: Steps = ((None, RED), (0.8, ORANGE), (0.95, GREEN))
AGE_STEPS: Steps = ((None, GREEN), (75, ORANGE), (90, RED))
AGES = (  # upper bounds in days, as the histogram has them
    ("under 30", None, 30, GREEN),
    ("30 to 60", 30, 60, GREEN),
    ("60 to 75", 60, 75, GREEN),
    ("75 to 90", 75, 90, ORANGE),
    ("90 to 180", 90, 180, RED),
    ("180 to 365", 180, 365, RED),
    ("over a year", 365, None, RED),
)


def board() -> Board:
    account = variable("account", "Account", 'label_values(keysteward_credentials{job=~"$job"}, account)')
    every_account = account.include_all(True).all_value(".*").multi(True)
    groups = (
        ("Now", (_compliance_now(), *_counts(), *_dangers())),
        ("Over time", _trends()),
        ("Age, and what comes due", _ages()),
        ("Where", (_by_account(), _by_rule())),
        ("Keys", _keys()),
    )
    return lay_out(ABOUT, groups, (variable("job", "Installation", INSTALLATION), every_account))


def counted(where: str = "") -> str:
    """Credentials by account, kind and state, each once."""
    return newest("credentials", *EACH, where=",".join(filter(None, (CHOSEN, where))))


def total(metric: str) -> tuple[Query]:
    return (Query(f"sum({metric}) or vector(0)"),)


def due(within: str, legend: str = "") -> Query:
    span = newest("credentials_due", where=f'within="{within}"')
    return Query(f"sum({span}) or vector(0)", legend)


def between(over: int | None, to: int | None, legend: str = "") -> Query:
    """How many credentials are older than ``over`` and at most ``to`` days."""
    upper = _up_to("+Inf" if to is None else f"{to}.0")
    lower = "" if over is None else f" - {_up_to(f'{over}.0')}"
    return Query(f"{upper}{lower} or vector(0)", legend)


def _up_to(bound: str) -> str:
    where = f'{CHOSEN},le="{bound}"'
    return f"sum({newest('credential_age_days_bucket', 'account_id', 'account', 'kind', where=where)})"


def _compliance_now() -> Panel:
    frame = Frame(
        "Compliance",
        "Of the active credentials, those that the policy asks nothing of: ok, or exempt with an approver "
        "and an "
        "end. What is unknown does not count as compliant, nor what is in an account that was not read for "
        "two days.",
        (Query(RATIO),),
        unit="percentunit",
        width=6,
        height=8,
        decimals=1,
        steps=RATIO_STEPS,
        most=1,
    )
    return number(frame, trend=True)


def _counts() -> Panels:
    read = newest("accounts", "outcome", where='outcome=~"success|failed|blocked"')
    frames = (
        Frame("Accounts", "Accounts that are to be read.", total(read)),
        Frame("Credentials", "All that were counted, inactive ones too.", total(counted())),
        Frame("Ok", "On no ladder.", total(counted('state="ok"')), steps=((None, GREEN),)),
        Frame(
            "Expiring",
            "On a ladder: their owners are told, and at its end they are deactivated.",
            total(counted(ON_LADDER)),
            steps=WARN_ABOVE_ZERO,
        ),
        Frame(
            "Deactivated",
            "Inactive, by this service or by hand; each is still there and can be reactivated.",
            total(counted('state="inactive"')),
        ),
        Frame("Exempt", "Exempt by a rule with an end.", total(counted('state="exempt"'))),
    )
    return tuple(map(number, frames))


def _dangers() -> Panels:
    roots, leaks = newest("root_access_keys", "account_id"), newest("exposed_credentials", "account_id")
    frames = (
        Frame(
            "Accounts not read",
            "Failed or blocked at the latest scan: their counts are the last known ones. "
            "Runbook: KeystewardAccountFailing.",
            total(newest("accounts", "outcome", where=UNREAD)),
            steps=GOOD_AT_ZERO,
        ),
        Frame(
            "Unknown",
            "Tags, groups or the last use can't be read: nothing is done to them.",
            total(counted('state="unknown"')),
            steps=WARN_ABOVE_ZERO,
        ),
        Frame(
            "Due in 30 days",
            "To be deactivated or deleted within 30 days, if nothing changes. Of all accounts.",
            (due("30d"),),
            steps=WARN_ABOVE_ZERO,
        ),
        Frame(
            "Over 90 days",
            "Older than most standards allow (CIS 1.14, FSBP IAM.3); inactive and exempt ones too.",
            (between(90, None),),
            steps=GOOD_AT_ZERO,
        ),
        Frame(
            "Root keys",
            "Active access keys of root users: there should be none. Of all accounts. "
            "Runbook: KeystewardRootKeyExists.",
            total(roots),
            steps=GOOD_AT_ZERO,
        ),
        Frame(
            "Exposed keys",
            "Credentials known to have leaked. Of all accounts. Runbook: KeystewardExposedKey.",
            total(leaks),
            steps=GOOD_AT_ZERO,
        ),
    )
    return tuple(map(number, frames))


def _trends() -> Panels:
    compliance = Frame(
        "Compliance",
        "The share of active credentials that are ok or exempt. From the recording rules in "
        "rules/recording.yaml.",
        (Query(RATIO, "compliant"),),
        unit="percentunit",
        most=1,
        decimals=None,
        width=12,
        height=8,
    )
    states = Frame(
        "Credentials by state",
        "Every credential that was counted: ok, exempt, inactive, unknown, or the stage that it is at.",
        (Query(f"sum by (state) ({counted()})", "{{state}}"),),
        width=12,
        height=8,
    )
    return lines(compliance, colours={"compliant": GREEN}), lines(states, stacked=True, colours=STATES)


def _ages() -> Panels:
    ages = Frame(
        "Credentials by age, in days",
        "Since their creation, inactive and exempt ones too. The usual ladder has steps at 75, 80, 87 and "
        "90 days.",
        tuple(between(over, to, name) for name, over, to, _ in AGES),
        width=10,
        height=8,
    )
    acts = Frame(
        "Due",
        "To be deactivated or deleted, if nothing changes. Of all accounts; the status page has the "
        "calendar.",
        (due("1d", "within a day"), due("7d", "within 7 days"), due("30d", "within 30 days")),
        steps=WARN_ABOVE_ZERO,
        width=6,
        height=8,
    )
    trend = Frame(
        "Due, over time",
        "A line that rises is work to come; one that falls, that keys are rotated or gone.",
        (Query(f"sum by (within) ({newest('credentials_due', 'within')})", "within {{within}}"),),
        width=8,
        height=8,
    )
    return bars(ages, colours={name: colour for name, *_, colour in AGES}), bars(acts), lines(trend)


def _by_account() -> Panel:
    active = f"sum by (account) ({ACTIVE})"
    least = f"bottomk(100, sum by (account) ({COMPLIANT}) / {active})"
    ladder = f"sum by (account) ({counted(ON_LADDER)})"
    read = newest("account_last_success_timestamp_seconds", "account", where=CHOSEN)
    frame = Frame(
        "By account",
        "The hundred least compliant: the share that complies, how many are active, how many of them on a "
        "ladder, "
        "and how long ago the account was read whole.",
        (
            Query(least),
            Query(f"{active} and on (account) {least}"),
            Query(f"({ladder} or {active} * 0) and on (account) {least}"),
            Query(f"max by (account) (time() - {read}) and on (account) {least}"),
        ),
        width=14,
        height=9,
        decimals=None,
    )
    columns = (
        Column("account", "Account"),
        Column("Value #A", "Compliance", "percentunit", RATIO_STEPS, 1),
        Column("Value #B", "Active", "short", ((None, GREY),)),
        Column("Value #C", "On a ladder", "short", WARN_ABOVE_ZERO),
        Column("Value #D", "Read", "s", ((None, GREY), (86_400, ORANGE), (172_800, RED)), 1),
    )
    return rows(frame, columns, sort_by="Compliance", descending=False)


def _by_rule() -> Panel:
    labels = ("account_id", "key", "kind", "rule", "state")
    findings = newest("credential_created_timestamp_seconds", *labels)
    frame = Frame(
        "By rule and stage",
        "Findings by the rule that matched and the stage that they are at. Of all accounts; the oldest "
        "5,000.",
        (Query(f"sort_desc(count by (rule, state) ({findings}))", "{{rule}}: {{state}}"),),
        steps=((None, YELLOW),),
        width=10,
        height=9,
    )
    return bars(frame)


def _keys() -> Panels:
    due_keys = Frame(
        "Oldest keys on a ladder",
        "The fifty oldest findings. Keys are masked; who answers for them and why is on the status page.",
        (_age("credential_created_timestamp_seconds", "rule", "state"),),
        width=13,
        height=10,
        decimals=None,
    )
    fine_keys = Frame(
        "Oldest keys that comply",
        "The twenty oldest that are ok: the next to come onto a ladder. Of keys whose id is known by now.",
        (_age("compliant_created_timestamp_seconds", "rule"),),
        width=11,
        height=10,
        decimals=None,
    )
    return _oldest(due_keys, Column("state", "Stage")), _oldest(fine_keys)


def _age(metric: str, *labels: str) -> Query:
    """Days, by key, with the account's name; only of the chosen accounts."""
    created = newest(metric, "account_id", "key", "kind", *labels)
    accounts = f'keysteward_account_last_success_timestamp_seconds{{job=~"$job",{CHOSEN}}}'
    names = f"topk by (account_id) (1, group by (account_id, account) ({accounts}))"
    return Query(f"topk(50, (time() - {created}) / 86400 * on (account_id) group_left (account) {names})")


def _oldest(frame: Frame, *more: Column) -> Panel:
    columns = (
        Column("key", "Key"),
        Column("account", "Account"),
        Column("rule", "Rule"),
        *more,
        Column("Value", "Age", "suffix: days", AGE_STEPS),
    )
    return rows(frame, columns, sort_by="Age")
