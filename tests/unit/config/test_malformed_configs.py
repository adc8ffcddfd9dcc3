"""Every way to get the config wrong that we could think of: one clear line a fault, with its line number."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from app.config.load import check_config, load_config
from app.errors import ConfigError

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LADDER = """\
rules:
  - name: a
    stages:
      - {name: warn, when: {age: 75d}, notify: [console], repeat: 1d}
"""
WARN = "{name: warn, when: {age: 75d}, notify: [console], repeat: 1d}"
STATIC = "accounts:\n  static:\n"
DEACTIVATE = "{name: off, when: {age: 90d}, do: deactivate}"


def _sole_stage(stage: str) -> str:
    return f"rules: [{{name: a, stages: [{stage}]}}]\n"


def _ladder(*stages: str) -> str:
    return "rules:\n  - name: a\n    stages:\n" + "".join(f"      - {stage}\n" for stage in stages)


# text of the file → what is said, after "FILE:"
TABLE: list[tuple[str, list[str]]] = [
    # the file as such
    ("", ["1: the file is empty"]),
    ("# only a comment\n", ["1: the file is empty"]),
    ("---\n", ["the file is empty"]),
    ("- a\n", ['1: the top must be a mapping of settings ("mode: observe")']),
    ("just text\n", ['1: the top must be a mapping of settings ("mode: observe")']),
    ("mode: notify\n---\nmode: observe\n", ["2: only one YAML document is read"]),
    ("mode: [observe\n", ["2: not valid YAML"]),
    ("mode: observe\n  http: {}\n", ["2: not valid YAML"]),
    ("mode: 'observe\n", ["not valid YAML"]),
    ("mode: \tobserve\x00\n", ["not valid YAML"]),
    ("mode: !!python/object/apply:os.system [ls]\n", ["1: the YAML tag tag:yaml.org,2002:python/object"]),
    ("mode: !secret x\n", ["1: the YAML tag !secret is not supported"]),
    ("http: !!set {a}\n", ["1: the YAML tag tag:yaml.org,2002:set is not supported"]),
    ("mode: *nowhere\n", ["1: "]),
    ("? [a, b]\n: 1\n", ["1: a key must be plain text"]),
    ("mode: observe\nmode: notify\n", ["2: mode: this key is already set above"]),
    ("http:\n  listen: 0.0.0.0:1\n  listen: 0.0.0.0:2\n", ["3: http.listen: this key is already set above"]),
    ("!secret mode: observe\n", ["1: a key must be plain text"]),
    ("<<: 3\n", ["1: <<: only mappings can be merged in"]),
    ("http: {<<: [{listen: '0.0.0.0:1'}, 2]}\n", ["1: http.<<: only mappings can be merged in"]),
    ("a: " + "[" * 60 + "]" * 60 + "\n", ["1: nested more than 40 levels deep"]),
    # unknown keys and wrong shapes
    ("\nmodes: observe\n", ['2: modes: unknown key "modes", did you mean "mode"?']),
    ("MODE: enforce\nmode: observe\n", ['1: MODE: unknown key "MODE", did you mean "mode"?']),
    ("Rules: [{name: a, exempt: {reason: x}}]\n", ['1: Rules: unknown key "Rules", did you mean "rules"?']),
    ("exemptions:\n", ['1: exemptions: unknown key "exemptions"']),
    ('"a\\e[2Jb": 1\n', ['1: a�[2Jb: unknown key "a�[2Jb"']),
    ("zzz: 1\n", ['1: zzz: unknown key "zzz"']),
    ("mode: enforced\n", ["1: mode: should be 'observe', 'notify' or 'enforce'"]),
    ("shown_characters: 5\n", ["1: shown_characters: "]),
    ("shown_characters: -1\n", ["1: shown_characters: "]),
    ("mode: on\n", ["1: mode: should be 'observe', 'notify' or 'enforce'"]),
    ("accounts: all\n", ["1: accounts: should be a mapping"]),
    ("rules: none\n", ["1: rules: should be a list"]),
    ("rules: []\n", ["1: rules: should not be empty"]),
    ("rules: [text]\n", ["1: rules[0]: should be a mapping"]),
    ("http: {public_page: yes}\n", ["1: http.public_page: should be true or false"]),
    ("http: {public_page: 1}\n", ["1: http.public_page: should be true or false"]),
    ("http: {listen: 8080}\n", ["1: http.listen: should be HOST:PORT"]),
    ("http: {listen: 'localhost:99999'}\n", ["1: http.listen: should be HOST:PORT"]),
    ("http: {auth: {}}\n", ["1: http.auth: give basic, trusted_header, or both"]),
    (
        "http: {public_page: true, auth: {trusted_header: {name: X-User, proxies: [10.0.0.1]}}}\n",
        ["1: http: public_page shows to everybody what auth would guard: leave one of them out"],
    ),
    (
        "http: {auth: {basic: [{user: ann}]}}\n",
        ["1: http.auth.basic[0]: give either password_hash or password"],
    ),
    (
        "http: {auth: {basic: [{user: 'a:b', password: much-too-secret}]}}\n",
        ["1: http.auth.basic[0].user: should be a name of up to 64 characters without spaces and colons"],
    ),
    (
        "http: {auth: {basic: [{user: ann, password: short}]}}\n",
        ["1: http.auth.basic[0].password: should have 12 characters at least"],
    ),
    (
        "http: {auth: {basic: [{user: ann, password_hash: 5f4dcc3b5aa765d61d8327deb882cf99}]}}\n",
        ["1: http.auth.basic[0].password_hash: should be a hash such as scrypt:32768:8:1$SALT$HASH"],
    ),
    *(
        (
            f"http: {{auth: {{basic: [{{user: ann, password_hash: '{method}$saltsalt${'a' * 128}'}}]}}}}\n",
            ["1: http.auth.basic[0].password_hash: should be a hash such as scrypt:32768:8:1$SALT$HASH"],
        )
        for method in (
            "scrypt:32767:8:1",
            "scrypt:1:8:1",
            "scrypt:0:8:1",
            "scrypt:32768:0:1",
            "pbkdf2:sha512:0",
        )
    ),
    (
        "http: {auth: {basic: [&a {user: ann, password: much-too-secret}, *a]}}\n",
        ['1: http.auth: basic: "ann" is there twice'],
    ),
    (
        "http: {auth: {trusted_header: {name: X-Forwarded-For, proxies: [10.0.0.1]}}}\n",
        ["1: http.auth.trusted_header.name: names nobody"],
    ),
    (
        "http: {auth: {trusted_header: {name: X-User, proxies: [0.0.0.0/0]}}}\n",
        ["1: http.auth.trusted_header.proxies[0]: would believe everybody"],
    ),
    (
        "http: {auth: {trusted_header: {name: X-User, proxies: [10.0.0.1/8]}}}\n",
        ["1: http.auth.trusted_header.proxies[0]: should be an address or a network"],
    ),
    (
        "http: {auth: {trusted_header: {name: X-User, proxies: []}}}\n",
        ["1: http.auth.trusted_header.proxies: should not be empty"],
    ),
    ("log_level: loud\n", ["1: log_level: should be 'debug', 'info', 'warning' or 'error'"]),
    (
        "metrics: {user_labels: true}\n",
        ['1: metrics.user_labels: unknown key "user_labels", did you mean "user_label"?'],
    ),
    # accounts
    (STATIC + "    - {id: '12345'}\n", ["3: accounts.static[0].id: an account id has 12 digits"]),
    (STATIC + "    - {id: 01234567012}\n", ["3: accounts.static[0].id: an account id has 12 digits"]),
    (STATIC + "    - {name: prod}\n", ["3: accounts.static[0].id: is missing"]),
    (
        STATIC + "    - {id: 111122223333}\n    - {id: '111122223333'}\n",
        ["4: accounts.static[1].id: account 111122223333 is already listed above"],
    ),
    (
        STATIC + "    - id: 111122223333\n      role_arn: keysteward\n",
        ["4: accounts.static[0].role_arn: should be a role's ARN"],
    ),
    (
        STATIC + "    - {id: 111122223333, role_arn: 'arn:aws:iam::999922223333:role/x'}\n",
        ["3: accounts.static[0]: role_arn is a role of account 999922223333, not of 111122223333"],
    ),
    (STATIC + "    - {id: 111122223333, external_id: x}\n", ["external_id: an external id has 2 to 1224"]),
    (STATIC + "    - {id: 111122223333, mode: loud}\n", ["3: accounts.static[0].mode: should be 'observe'"]),
    (
        "accounts: {organization: {exclude_accounts: [prod]}}\n",
        ["exclude_accounts[0]: an account id has 12 digits"],
    ),
    (
        "accounts: {organization: {include_ous: [Prod]}}\n",
        ["1: accounts.organization.include_ous[0]: should be an OU"],
    ),
    (
        "accounts: {organization: {role_name: 'arn:aws:iam::1:role/x'}}\n",
        ["role_name: should be a role's name"],
    ),
    ("audit: {s3: {prefix: x}}\n", ["1: audit.s3.bucket: is missing"]),
    (
        "audit: {s3: {bucket: 'arn:aws:s3:::x', prefix: 'a*', retain: 2h, lock: legal}}\n",
        [
            "1: audit.s3.bucket: should be a bucket's name",
            "1: audit.s3.prefix: should be a key's beginning such as keysteward/",
            "1: audit.s3.retain: should be a day at least",
            "1: audit.s3.lock: should be 'governance' or 'compliance'",
        ],
    ),
    ("accounts: {organization: {role: x}}\n", ["1: accounts.organization.role: unknown key"]),
    # schedule
    ("schedule: {every: 6 hours}\n", ["1: schedule.every: a duration is a whole number and one unit"]),
    ("schedule: {every: 0h}\n", ["1: schedule.every: a duration must be longer than zero"]),
    ("schedule: {every: -6h}\n", ["1: schedule.every: a duration is a whole number"]),
    ("schedule: {every: 6}\n", ["1: schedule.every: should be text such as 75d"]),
    ("schedule: {every: 5m, jitter: 10m}\n", ["1: schedule: jitter must be shorter than every"]),
    ("schedule: {every: 6h, cron: '0 * * * *'}\n", ["1: schedule: give either every or cron, not both"]),
    ("schedule: {cron: 'every day'}\n", ["1: schedule.cron: should be five cron fields"]),
    ("schedule: {cron: '99 * * * *'}\n", ["1: schedule.cron: should be five cron fields"]),
    ("schedule: {cron: '0 0 30 2 *'}\n", ["1: schedule.cron: never comes true"]),
    # scan
    ("scan: {concurrency: 0}\n", ["1: scan.concurrency: should be greater than or equal to 1"]),
    ("scan: {concurrency: 257}\n", ["1: scan.concurrency: should be less than or equal to 256"]),
    ("scan: {concurrency: 1.5}\n", ["1: scan.concurrency: should be a whole number"]),
    ("scan: {concurrency: true}\n", ["1: scan.concurrency: should be a number"]),
    ("scan: {concurrency: null}\n", ["1: scan.concurrency: should be a whole number"]),
    ("scan: {requests_per_second: 0}\n", ["1: scan.requests_per_second: should be greater than or equal"]),
    ("scan: {requests_per_second: .inf}\n", ["1: scan.requests_per_second: should be a number"]),
    ("scan: {requests_per_second: .nan}\n", ["1: scan.requests_per_second: should be a number"]),
    ("scan: {requests_per_second: 20/s}\n", ["1: scan.requests_per_second: should be a number"]),
    ("scan: {requests_per_second: true}\n", ["1: scan.requests_per_second: should be a number"]),
    ("scan: {workers: 9}\n", ['1: scan.workers: unknown key "workers"']),
    (f"schedule: {{timezone: {'a/' * 5000}b}}\n", ['1: schedule.timezone: unknown time zone "a/a/']),
    ("schedule: {timezone: Berlin}\n", ['1: schedule.timezone: unknown time zone "Berlin"']),
    (
        "rules: [{name: a, match: {accounts: '1111*'}, exempt: {reason: x}}]\n",
        ['1: rules[0].match.accounts: "1111*": ids are exact'],
    ),
    (
        "rules: [{name: a, match: {ous: [ou-ab12-*]}, exempt: {reason: x}}]\n",
        ['1: rules[0].match.ous: "ou-ab12-*": ids are exact'],
    ),
    # owners
    (
        "owners: [{tag: a, fallback: b@example.com}]\n",
        ["1: owners[0]: give exactly one of tag, key_description, user_name"],
    ),
    ("owners: [{}]\n", ["1: owners[0]: give exactly one of tag, key_description, user_name"]),
    ("owners:\n  - {fallback: nobody}\n", ["2: owners[0].fallback: should be an e-mail address"]),
    ("owners: [{map: {ci: platform}}]\n", ["1: owners[0].map.ci: should be an e-mail address"]),
    (
        "owners: [{user_name: me@example.com}]\n",
        ['owners[0].user_name: should be a template such as "{user}'],
    ),
    ("owners: [{tag: a, match: b}]\n", ["1: owners[0]: match goes with user_name only"]),
    # guards
    ("guards: {share_of_account: 0.25}\n", ["1: guards.share_of_account: should be a percentage"]),
    ("guards: {share_of_account: 120%}\n", ["1: guards.share_of_account: should be a percentage"]),
    ("guards: {brake: {share: 0%}}\n", ["1: guards.brake.share: should be a percentage"]),
    (
        "guards: {deactivations_per_run: -1}\n",
        ["1: guards.deactivations_per_run: should be greater than or equal to 0"],
    ),
    (
        "guards: {deactivations_per_run: many}\n",
        ["1: guards.deactivations_per_run: should be a whole number"],
    ),
    ("guards:\n  freeze:\n    - weekends\n", ["3: guards.freeze[0]: a freeze window is"]),
    ("guards: {freeze: ['18:00 - 08:00 Mars']}\n", ['1: guards.freeze[0]: unknown time zone "Mars"']),
    ("guards: {canary: {accounts: ['9999*']}}\n", ['1: guards.canary.accounts: "9999*": ids are exact']),
    ("guards: {canary: {acounts: [a]}}\n", ['did you mean "accounts"?']),
    ("guards: {canary: {quiet: soon}}\n", ["1: guards.canary.quiet: "]),
    # rules
    ("rules: [{name: a}]\n", ["1: rules[0]: a rule has either stages or exempt"]),
    (
        _ladder(*[f"{{name: w{n}, when: {{age: 1d}}, notify: [console]}}" for n in range(101)]),
        ["more than 100"],
    ),
    ("rules: [{name: a, stages: []}]\n", ["1: rules[0]: stages must not be empty"]),
    (LADDER + "    exempt: {reason: x}\n", ["2: rules[0]: a rule has either stages or exempt"]),
    ("rules:\n  - exempt: {reason: x}\n", ["2: rules[0].name: is missing"]),
    ("rules: [{name: a, exempt: {}}]\n", ["1: rules[0].exempt.reason: is missing"]),
    ("rules: [{name: a, exempt: {reason: ''}}]\n", ["1: rules[0].exempt.reason: should not be empty"]),
    (
        "rules: [{name: a, exempt: {reason: x, until: soon}}]\n",
        ["1: rules[0].exempt.until: should be a date"],
    ),
    (
        "rules: [{name: a, exempt: {reason: x, until: 2027-02-30}}]\n",
        ["1: rules[0].exempt.until: should be a date"],
    ),
    ("rules: [{name: 'a b', exempt: {reason: x}}]\n", ["1: rules[0].name: should be a name"]),
    (
        "rules: [{name: a, match: {tags: {sealed: true}}, exempt: {reason: x}}]\n",
        ['1: rules[0].match.tags.sealed[0]: should be text: write "true" in quotes'],
    ),
    (
        "rules: [{name: a, match: {user: x}, exempt: {reason: x}}]\n",
        ['unknown key "user", did you mean "users"?'],
    ),
    (
        "rules: [{name: a, match: {kinds: [key]}, exempt: {reason: x}}]\n",
        ["1: rules[0].match.kinds[0]: should be"],
    ),
    (LADDER + "  - {name: b, exempt: {reason: x}}\n", ['5: rules[1]: the rule "b" is never reached']),
    (
        "rules:\n  - {name: a, match: {users: ci}, exempt: {reason: x}}\n"
        "  - {name: b, match: {users: [ci]}, exempt: {reason: x}}\n",
        ['3: rules[1]: the rule "b" is never reached: the rule "a" above has the same match'],
    ),
    (
        "rules:\n  - {name: a, match: {users: ci}, exempt: {reason: x}}\n"
        "  - {name: a, exempt: {reason: x}}\n",
        ['3: rules[1].name: another rule above is already named "a"'],
    ),
    # stages
    (
        _sole_stage("{name: ok, when: {age: 75d}, notify: [console]}"),
        ['1: rules[0].stages[0].name: the stage name "ok"'],
    ),
    (_sole_stage("{name: w, when: {age: 75d}}"), ["1: rules[0].stages[0]: the stage does nothing"]),
    (
        _sole_stage("{name: w, when: {age: 75d}, notfy: [console]}"),
        ['unknown key "notfy", did you mean "notify"?'],
    ),
    (
        _sole_stage("{name: w, when: {age: 75d}, notify: [consle]}"),
        ['notify[0]: unknown sink "consle", did you mean "console"?'],
    ),
    (
        _sole_stage("{name: w, when: {}, notify: [console]}"),
        ["1: rules[0].stages[0].when: give exactly one of"],
    ),
    (_sole_stage("{name: w, when: {age: 1d, unused: 1d}, notify: [console]}"), ["when: give exactly one of"]),
    (
        _sole_stage("{name: w, when: {any: []}, notify: [console]}"),
        ["when: any needs at least one condition"],
    ),
    (
        _sole_stage("{name: w, when: {all: []}, notify: [console]}"),
        ["when: all needs at least one condition"],
    ),
    (_sole_stage("{name: w, when: {age: 75}, notify: [console]}"), ["when.age: should be text such as 75d"]),
    (
        _sole_stage("{name: w, when: {ages: 75d}, notify: [console]}"),
        ['unknown key "ages", did you mean "age"?'],
    ),
    (
        _sole_stage("{name: w, when: {age: 1d}, notify: [console], repeat: 0d}"),
        ["repeat: a duration must be longer"],
    ),
    (
        _sole_stage("{name: w, when: {age: 1d}, notify: [console], do: disable}"),
        ["do: should be 'deactivate' or 'delete'"],
    ),
    (
        _sole_stage("{name: w, when: {age: 1d}, notify: [console], require: {notices: 3}}"),
        ["1: rules[0].stages[0]: require goes with do only"],
    ),
    (_ladder(WARN, WARN), ['5: rules[0].stages[1].name: another stage above is already named "warn"']),
    (
        _ladder(WARN, "{name: w2, when: {age: 70d}, notify: [console]}"),
        ['5: rules[0].stages[1].when.age: the ladder is out of order: 70d comes after the 75d of "warn"'],
    ),
    (_ladder(DEACTIVATE), ['4: rules[0].stages[0]: "off" needs a stage before it that only tells']),
    (
        _ladder(WARN, "{name: gone, when: {inactive: 30d}, do: delete}", DEACTIVATE),
        ['6: rules[0].stages[2]: "off" deactivates, so it must come before the delete stage'],
    ),
    (
        _ladder(WARN, "{name: x, when: {age: 99d}, do: delete}"),
        ["5: rules[0].stages[1].when: delete needs an inactive"],
    ),
    (
        _ladder(WARN, "{name: x, when: {any: [{inactive: 30d}, {age: 99d}]}, do: delete}"),
        ["5: rules[0].stages[1].when: delete needs an inactive condition (in every branch)"],
    ),
    (
        _ladder(WARN, "{name: x, when: {all: [{inactive: 30d}, {age: 99d}]}, do: delete}"),
        ["5: rules[0].stages[1].when: never true"],
    ),
    (
        _ladder(WARN, "{name: x, when: {inactive: 30d}, do: deactivate}"),
        ["5: rules[0].stages[1].when: an inactive key can't be deactivated"],
    ),
    (
        _ladder(WARN, "{name: off, when: {age: 90d}, do: deactivate, require: {notices: 0}}"),
        ["5: rules[0].stages[1].require.notices: should be greater than 0"],
    ),
    # sinks, the templates and the ledger
    ("sinks: {" + ", ".join(f"s{n}: {{type: console}}" for n in range(101)) + "}\n", ["more than 100"]),
    (f"templates: {'a' * 5000}\n", ["1: templates: should be a folder"]),
    ('ledger: "sqlite:///a\\0b"\n', ["1: ledger: has a control character in it"]),
    ("sinks: [slack]\n", ["1: sinks: should be a mapping of names to sinks"]),
    (
        "sinks: {slack: {channel: '#x'}}\n",
        ["1: sinks.slack.type: is missing (one of slack, jira, console, email"],
    ),
    ("sinks:\n  s: {type: slakc}\n", ['2: sinks.s.type: unknown type of sink, did you mean "slack"?']),
    ("sinks: {s: {type: [slack]}}\n", ["1: sinks.s.type: unknown type of sink"]),
    ("sinks: {s: {type: slack, tokn: x}}\n", ['1: sinks.s.tokn: unknown key "tokn", did you mean "token"?']),
    (
        "sinks: {prometheus: {type: console}}\n",
        ['1: sinks.prometheus: the sink name "prometheus" is reserved'],
    ),
    (
        "sinks: {deactivation: {type: console}}\n",
        ['1: sinks.deactivation: the sink name "deactivation" is reserved'],
    ),
    ("sinks: {j: {type: jira, server: 'https://x.example'}}\n", ["1: sinks.j.project: is missing"]),
    ("sinks: {m: {type: email, from: me}}\n", ["1: sinks.m.from: should be an e-mail address"]),
    ("sinks: {s: {type: slack, channel: keys}}\n", ["1: sinks.s.channel: should be a channel such as"]),
    (
        "sinks: {t: {type: sns, topic_arn: keys}}\n",
        ["1: sinks.t.topic_arn: should be a topic's ARN: arn:aws:sns"],
    ),
    ("ledger: mysql://root:hunter22@db/x\n", ["1: ledger: should begin with sqlite:///"]),
    ("ledger: postgresql+psycopg://u:hunter22@db/x\n", ["1: ledger: should begin with sqlite:///"]),
    ("ledger: 'postgresql://u:hunter22@[db/x'\n", ["1: ledger: is not a valid URL"]),
    ("ledger: sqlite://\n", ["1: ledger: should be sqlite:///PATH"]),
    ("ledger: 'postgresql:///x'\n", ["1: ledger: should name a host"]),
    ("ledger: 'dynamodb://keys?regoin=x'\n", ["1: ledger: has an unknown option: dynamodb://TABLE"]),
    ("lease: 19s\n", ["1: lease: should be at least 20s"]),
    ("ledger: {a: b}\n", ["1: ledger: should be text"]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=range(len(TABLE)))
def test_a_malformed_config_says_one_clear_line_a_fault(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(file, {}, now=NOW)

    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected), lines
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith(f"{file}:")
        assert part in line
    assert "Traceback" not in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_of_thousands_of_faults_some_hundred_are_told(tmp_path: Path) -> None:
    """Each fault costs a search for what was meant: a file of nothing else would take minutes."""
    file = tmp_path / "c.yaml"
    sinks = ", ".join(f"sink{n:05}: {{type: console}}" for n in range(100))
    told = ", ".join(f"sonk{n:05}" for n in range(5_000))
    rule = f"{{name: a, stages: [{{name: w, when: {{age: 1d}}, notify: [{told}]}}]}}"
    file.write_text(f"sinks: {{{sinks}}}\nrules: [{rule}]\n")
    assert 100 < len(check_config(file, {}, now=NOW)) < 1_000


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        dedent("""\
        mode: enforced
        rules:
          - {name: a, stages: [{name: w, when: {age: 75}, notify: [console]}]}
          - {name: b, stages: [{name: w, when: {age: 75d}, notify: [slak]}]}
        sinks:
          slack: {type: slack, timeout: 0}
        """)
    )

    faults = check_config(file, {}, now=NOW)

    assert [(fault.line, fault.path) for fault in faults] == [
        (1, "mode"),
        (3, "rules[0].stages[0].when.age"),
        (4, "rules[1].stages[0].notify[0]"),
        (6, "sinks.slack.timeout"),
    ]


def test_a_lapsed_exemption_is_a_finding_and_the_config_still_loads(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("rules:\n  - {name: a, exempt: {reason: x, until: 2026-11-20}}\n")

    (fault,) = check_config(file, {}, now=NOW)

    assert fault.severity == "finding"
    assert str(fault).startswith(f"{file}:2: rules[0].exempt.until: the exemption lapsed on 2026-11-20")
    assert load_config(file, {}, now=NOW).rules[0].name == "a"


def test_notices_that_can_never_come_are_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(_ladder("{name: warn, when: {age: 75d}, notify: [console]}", DEACTIVATE))

    (fault,) = check_config(file, {}, now=NOW)

    assert (fault.line, fault.path, fault.severity) == (5, "rules[0].stages[1]", "warning")


def test_one_required_notice_needs_no_repeat(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    act = "{name: off, when: {age: 90d}, do: deactivate, require: {notices: 1}}"
    file.write_text(_ladder("{name: warn, when: {age: 75d}, notify: [console]}", act))
    assert check_config(file, {}, now=NOW) == []


@pytest.mark.parametrize(
    ("canary", "said"),
    [
        ("[sandbx]", ['no account is meant by "sandbx", did you mean "sandbox"?']),
        ("'999922223333'", ['no account is meant by "999922223333"']),
        ("[sand*, '111122223333']", []),
    ],
)
def test_a_canary_that_is_no_account_of_the_list_is_a_finding(
    tmp_path: Path, canary: str, said: list[str]
) -> None:
    file = tmp_path / "c.yaml"
    account = "{id: '111122223333', name: sandbox}"
    file.write_text(f"guards:\n  canary: {{accounts: {canary}}}\naccounts: {{static: [{account}]}}\n")
    faults = check_config(file, {}, now=NOW)
    assert [(fault.severity, fault.line, fault.path, fault.message) for fault in faults] == [
        ("finding", 2, "guards.canary.accounts", text) for text in said
    ]


def test_of_an_organization_nobody_knows_yet_whether_a_canary_is_there(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "guards: {canary: {accounts: [anything]}}\naccounts: {organization: {role_name: keysteward-spoke}}\n"
    )
    assert check_config(file, {}, now=NOW) == []
