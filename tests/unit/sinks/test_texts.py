"""Templates: what each is given, and how a user's fault is found before a message needs it."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.config.load import check_config, load_config
from app.errors import ConfigError
from app.model import Caller
from app.plan.notice import Notice
from app.plan.summary import RunSummary, SummaryRow
from app.sinks.check_texts import check_templates
from app.sinks.given import GIVEN, NEVER_EMPTY, NOTICE
from app.sinks.interface import Message
from app.sinks.texts import BUILT_IN, FILTERS, Texts, environment, loader
from tests.fakes.notices import a_message, a_notice

FILES = sorted(path.name.removesuffix(".j2") for path in BUILT_IN.glob("*.j2"))


def faults(folder: Path, **templates: str) -> list[str]:
    """What is said of a folder that holds these templates, as ``name:line: message``."""
    for name, text in templates.items():
        (folder / f"{name}.j2").write_text(text)
    return [f"{Path(file).stem}:{line}: {said}" for file, line, said in check_templates(folder)]


def test_every_built_in_template_is_in_the_table_and_the_other_way_round() -> None:
    assert sorted(GIVEN) == FILES
    assert set(GIVEN) >= NEVER_EMPTY


@pytest.mark.parametrize("name", FILES)
def test_a_built_in_template_renders_with_exactly_what_it_is_given(name: str) -> None:
    made = environment(loader(None))
    for sample in GIVEN[name].samples():
        assert set(sample.values) == set(GIVEN[name].names)
        assert made.get_template(f"{name}.j2").render(sample.values).strip() or name not in NEVER_EMPTY


def test_the_built_in_templates_are_without_fault_when_they_are_a_users() -> None:
    assert check_templates(BUILT_IN) == []


def test_no_sample_names_a_full_key_id() -> None:
    shown = str([sample for name in FILES for sample in GIVEN[name].samples()])
    assert "AKIA" not in shown


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("title", "{{ notice.user }}\n{% if %}", "title:2: Expected an expression, got 'end of statement"),
        (
            "headline",
            "\n{{ notise.user }}",
            'headline:2: unknown name "notise", did you mean "notice"? it is',
        ),
        (
            "headline",
            "{% if notice.act %}x{% else %}{{ who }}{% endif %}",
            'unknown name "who": it is given n',
        ),
        ("headline", "{{ message.now }}", 'headline:1: unknown name "message": it is given notice'),
        (
            "reason",
            "{{ notice.usr }}",
            'reason:1: a Notice has no "usr", did you mean "user"? it has finding',
        ),
        (
            "callers",
            "{% for c in notice.callers %}{{ c.ip }}{% endfor %}",
            'a Caller has no "ip": it has sourc',
        ),
        ("undo", "{{ notice.user | upr }}", "undo:1: No filter named 'upr'"),
        ("undo", "{{ notice.act_at | day }}", "NoneType.__format__ (for a warning that names no date)"),
        ("title", "{% if notices | length > 1 %}many{% endif %}", "title:None: renders to nothing"),
        ("jira_summary", " \n", "jira_summary:None: renders to nothing, and something must be said"),
        ("headlin", "x", 'headlin:None: there is no template of this name, did you mean "headline"?'),
        ("greeting", "x", "there is no template of this name: there are advice, callers"),
        ("facts", "{% include 'nothing.j2' %}", "facts:1: TemplateNotFound: nothing.j2"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    found = faults(tmp_path, **{name: text})
    assert len(found) == 1
    assert said in found[0]


def test_a_name_that_a_branch_sets_is_known_there_and_missed_elsewhere(tmp_path: Path) -> None:
    text = "{% if notice.act_at %}{% set days = 3 %}{{ days }}{% endif %}"
    assert faults(tmp_path, reason=text) == []
    (found,) = faults(tmp_path, reason=f"{text}{{{{ days }}}}")
    assert found == "reason:1: UndefinedError: 'days' is undefined (for a warning that names no date)"


def test_files_that_are_no_templates_and_subfolders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("{{ nothing")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "any.j2").write_text("{{ notice.account }}")
    assert faults(tmp_path, headline="{% include 'parts/any.j2' %}: {% include 'reason.j2' %}") == []


def test_an_include_that_fails_is_told_of_the_template_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "any.j2").write_text("\n\n{{ notice.acount }}")
    found = faults(tmp_path, headline="\n{% include 'parts/any.j2' %}")
    assert found[0].startswith('headline:2: a Notice has no "acount", did you mean "account"?')


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "title.j2").write_bytes(b"\xff\xfe")
    assert faults(tmp_path) == ["title:None: is not UTF-8 text"]


def test_a_template_of_json_must_render_to_json(tmp_path: Path) -> None:
    (tmp_path / "hook.json.j2").write_text('{"user": {{ notice.user }}}')
    (fault,) = check_templates(tmp_path, given={"hook.json": NOTICE})
    assert fault.message.startswith("renders to what is no JSON: Expecting value: line 1 column 10")
    (tmp_path / "hook.json.j2").write_text('{"user": {{ notice.user | json }}}')
    assert check_templates(tmp_path, given={"hook.json": NOTICE}) == []


# --- the sandbox -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ notice.__init__.__globals__ }}", "SecurityError"),
        ("{{ notice.to_json.__func__ }}", "SecurityError"),
        ("{{ (notice | attr('__class__')).__mro__ }}", "SecurityError"),
        ("{{ '{0.__class__.__mro__}'.format(notice) }}", "SecurityError"),
        ("{{ self.__init__.__globals__ }}", "SecurityError"),
        ("{{ notice.refs.update({'key': 'X-1'}) }}", "SecurityError"),
        ("{% for i in range(9999999999) %}x{% endfor %}", 'unknown name "range"'),
        ("{{ 'x' * 9999999999 }}", "SecurityError"),
        ("{{ 9 ** 9 ** 9 }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "TemplateNotFound"),
        ("{% include '../../texts.py' %}", "TemplateNotFound"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
    ],
)
def test_what_would_leave_the_sandbox_is_refused(tmp_path: Path, text: str, said: str) -> None:
    found = faults(tmp_path, reason=text)
    assert found
    assert said in found[0]


def test_a_template_that_does_not_end_is_a_fault_and_the_check_goes_on(tmp_path: Path) -> None:
    (tmp_path / "reason.j2").write_text(
        "{% for a in notice.reason %}" * 3 + "{% set b = a %}" + "{% endfor %}" * 3
    )
    (tmp_path / "undo.j2").write_text("{% if %}")
    found = check_templates(tmp_path, patience=0.001)
    assert [Path(file).stem for file, *_ in found] == ["reason", "undo"]
    assert found[0].message == "takes more than 0.001 s to render: is there a loop?"


@pytest.mark.parametrize(
    "text", ["{{ notice.usr }}", "{{ ''.__class__.__mro__ }}", "{% if %}", "{% include 'no.j2' %}"]
)
def test_at_night_the_built_in_template_stands_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "headline.j2").write_text(text)
    assert Texts(tmp_path).headline(a_notice(headline="Rotate it")) == "Rotate it"


def test_a_users_template_is_used_in_place_of_the_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "title.j2").write_text("{{ notices | length }} for {{ message.recipient }}")
    assert Texts(tmp_path).title(a_message()) == "1 for jane@example.com"


def test_a_headline_of_the_users_is_the_title_of_a_message_about_one_key(tmp_path: Path) -> None:
    (tmp_path / "headline.j2").write_text("ACME: {{ notice.user }}")
    assert Texts(tmp_path).title(a_message()) == "ACME: ci-deploy"


# --- in the config ---------------------------------------------------------------------------------


def test_the_config_tells_them_beside_its_other_faults(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "reason.j2").write_text("\n{{ notice.usr }}")
    config = tmp_path / "config.yaml"
    config.write_text("templates: texts\nmod: observe\n")
    found = [str(fault) for fault in check_config(config, {})]
    assert found[0].startswith(f'{config}:2: mod: unknown key "mod"')
    assert found[1].startswith(f'{folder}/reason.j2:2: templates: a Notice has no "usr"')
    with pytest.raises(ConfigError, match=r"reason\.j2:2"):
        load_config(config, {})


def test_a_relative_folder_starts_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text("templates: texts\n")
    assert load_config(config, {}).templates == tmp_path / "texts"
    assert load_config(config, {"KEYSTEWARD_TEMPLATES": str(tmp_path)}).templates == tmp_path


def test_a_folder_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mode: observe\ntemplates: nowhere\n")
    assert [str(f).partition(": ")[0] for f in check_config(config, {})] == [f"{config}:2"]


# --- docs/templates.md -----------------------------------------------------------------------------

DOC = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()


def test_the_documents_table_is_the_folder() -> None:
    table = re.findall(r"^\| `(\w+(?:\.\w+)*)\.j2` \| (\w+) \|", DOC, re.MULTILINE)
    assert dict(table) == {name: given.kind for name, given in GIVEN.items()}


@pytest.mark.parametrize(
    ("kind", "name"), [(Notice, "notice"), (Message, "message"), (RunSummary, "summary")]
)
def test_the_document_has_every_field_and_no_other(kind: type[Any], name: str) -> None:
    told = set(re.findall(rf"`{name}\.([a-z_]{{2,}})", DOC)) - {"of", "coverage", "held_back", "is_run"}
    assert told == {field.name for field in fields(kind)}


@pytest.mark.parametrize("kind", [Caller, SummaryRow])
def test_the_document_has_every_field_of_the_smaller_things(kind: type[Any]) -> None:
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in DOC] == []


def test_the_document_has_every_filter_of_ours() -> None:
    assert re.findall(r"^\| `(\w+)` \| `[a-z_.]+ \\\|", DOC, re.MULTILINE) == list(FILTERS)


def test_the_documents_examples_are_without_fault(tmp_path: Path) -> None:
    headline, steps = re.findall(r"```jinja\n(.*?)```", DOC, re.DOTALL)
    assert faults(tmp_path, headline=headline, steps=steps) == []
    assert Texts(tmp_path).headline(a_notice()) == (
        "ACME Security: ci-deploy's key …WXYZ stops working on Fri 27 Nov 2026"
    )
    assert len(Texts(tmp_path).steps([a_notice()])) == 4
