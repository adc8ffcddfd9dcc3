import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.config.yaml_marks import Value, YamlFault, read_yaml
from tests.work import opcodes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("012345670123", "012345670123"),  # YAML 1.1: an octal number
        ("123456789012", "123456789012"),
        ("12:30:45", "12:30:45"),  # YAML 1.1: a sexagesimal number
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("2027-03-31", "2027-03-31"),
        ("2027-03-31T12:00:00Z", "2027-03-31T12:00:00Z"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("=", "="),
        ("'true'", "true"),
        ('"10"', "10"),
        ("!!str 10", "10"),
        ("! 10", "10"),
        ("true", True),
        ("False", False),
        ("10", 10),
        ("-3", -3),
        ("0", 0),
        ("2.5", 2.5),
        ("~", None),
        ("", None),
        ("null", None),
    ],
)
def test_an_unquoted_scalar_holds_no_surprise(text: str, expected: Value) -> None:
    read = read_yaml(f"a: {text}\n").value["a"]
    assert read == expected
    assert type(read) is type(expected)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read_yaml("yes: 1\n1: 2\n012345670123: 3\nnull: 4\n").value == {
        "yes": 1,
        "1": 2,
        "012345670123": 3,
        "null": 4,
    }


def test_every_path_has_its_line() -> None:
    document = read_yaml("a: 1\nb:\n  c:\n    - x\n    - {d: 1,\n       e: 2}\n")
    assert document.line(("a",)) == 1
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "c", 0)) == 4
    assert document.line(("b", "c", 1, "e")) == 6
    assert document.line(("b", "c", 1, "missing")) == 5
    assert document.line(("missing",)) == 1


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = "base: &b {x: 1, y: 2}\nsame: *b\nmore: {<<: *b, y: 3}\nmost: {<<: [*b, {x: 9, z: 4}]}\n"
    value = read_yaml(text).value
    assert value["same"] == {"x": 1, "y": 2}
    assert value["more"] == {"x": 1, "y": 3}
    assert value["most"] == {"x": 1, "y": 2, "z": 4}


def test_multiplying_aliases_are_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    with pytest.raises(YamlFault, match="aliases"):
        read_yaml(bomb)


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    with pytest.raises(YamlFault, match="has no anchor before it"):
        read_yaml("a: &a [*a]\n")


@pytest.mark.parametrize("opened", ["[", "{b: ", "- "])
def test_deep_nesting_is_refused_before_it_is_read_through(opened: str) -> None:
    def work(times: int) -> int:
        def read() -> None:
            with pytest.raises(YamlFault, match="nested more than"):
                read_yaml("a:\n " + opened * times)

        return opcodes(read)

    assert work(20_000) < 3 * work(2_000)


@given(st.text(alphabet=st.sampled_from("ab:{}[]-&*!<>|'\"#%@`?,\n \t0~=\x00é\U0001f511"), max_size=60))
@settings(max_examples=300)
def test_random_text_is_read_or_refused_with_a_line(text: str) -> None:
    fault = refusal(text)
    assert fault is None or (1 <= fault.line <= text.count("\n") + 2 and "\n" not in fault.message)


def refusal(text: str) -> YamlFault | None:
    try:
        read_yaml(text)
    except YamlFault as fault:
        return fault
    return None
