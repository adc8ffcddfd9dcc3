"""What ``keysteward demo`` says before it begins."""

import socket

import pytest

from app.cli.main import main


def test_a_port_that_is_taken_is_told_before_the_walk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr("sys.argv", ["keysteward", "demo", "--listen", listen])
        with pytest.raises(SystemExit) as ended:
            main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert f"{listen} is in use" in shown.err
    assert "--listen HOST:PORT" in shown.err
    assert shown.out == ""
