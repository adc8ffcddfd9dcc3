"""Writes each board to its committed file."""

from pathlib import Path

from dashboards import fleet, service
from dashboards.board import Board, to_json

HERE = Path(__file__).parent
BOARDS = (fleet.board, service.board)


def path_of(board: Board) -> Path:
    return HERE / f"{board.uid}.json"


def main() -> None:
    for make in BOARDS:
        board = make()
        path_of(board).write_text(to_json(board), encoding="utf-8")


if __name__ == "__main__":
    main()
