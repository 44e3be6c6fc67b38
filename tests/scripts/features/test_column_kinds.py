"""Kinds of columns and exact medians in bounded memory, beside what NumPy and plain Python say of the whole."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.features import column_kinds, medians
from scripts.features.column_kinds import ColumnKind, Counting, TextColumn
from scripts.features.featurizer import Numeric, RequestError
from scripts.features.medians import Columns
from scripts.features.raw_columns import numbers_of, texts_of

NUMBERS = st.floats(allow_nan=True, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, 5e-324])


@given(
    st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30), min_size=1, max_size=6), st.sampled_from([1, 3, 99])
)
def test_medians_are_those_of_numpy_however_few_numbers_are_held(
    parts: list[list[tuple[float, float]]], held: int
) -> None:
    blocks = [np.array(part, np.float64).reshape(-1, 2) for part in parts]
    whole = np.concatenate(blocks)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(medians, "_HELD", held)
        columns = Columns(file, 2)
        for block in blocks:
            columns.add(block)
        for index in range(2):
            known = whole[~np.isnan(whole[:, index]), index]
            assert columns.present[index] == len(known)
            if len(known):
                with np.errstate(over="ignore"):
                    assert columns.median(index) == np.median(known)


@given(st.data())
def test_a_column_counts_if_it_holds_the_numbers_from_one_to_another_in_any_order(data: st.DataObject) -> None:
    start, count = data.draw(st.integers(-50, 10**6)), data.draw(st.integers(0, 40))
    values = data.draw(st.permutations([float(start + step) for step in range(count)]))
    if values and data.draw(st.booleans()):
        values[data.draw(st.integers(0, count - 1))] = data.draw(
            st.sampled_from([values[0], float(start - 1), float(start) + 0.5, float("nan"), float("inf")])
        )
    counting = Counting(2)
    for part in np.array_split(np.array(values), data.draw(st.integers(1, 5))):
        counting.add(np.column_stack([part, np.zeros(len(part))]))
    different = len(set(values)) == count and all(map(float.is_integer, values))
    wanted = count >= 10 and different and max(values) - min(values) == count - 1
    assert counting.columns() == ({0} if wanted else set())


def kind(texts: Sequence[str | None], labels: Sequence[str] = (), parts: int = 1) -> tuple[ColumnKind, bool]:
    """Of a column of texts that comes in parts; whether it is the label in other words."""
    column = TextColumn(1)
    own = list(labels) or ["a"] * len(texts)
    for rows in np.array_split(np.arange(len(texts)), parts):
        held = texts_of(np.array([*(texts[row] for row in rows), None], object)[:-1])
        names = texts_of(np.array([own[row] for row in rows], object))
        column.add(held, names, learnt=True)
    return column.kind(), column.leaks()


@pytest.mark.parametrize("room", [150_000_000, 3000], ids=["all texts are counted", "too many for their room"])
@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([f"2024-01-{1 + row % 28:02} 10:{row % 60:02}" for row in range(90)], ColumnKind("date", order="ymd")),
        ([f"{13 + row % 15}.{1 + row % 12}.{1900 + row}" for row in range(90)], ColumnKind("date", order="dmy")),
        ([f"{1 + row % 12}/{1 + row % 12}/{1900 + row}" for row in range(90)], ColumnKind("dates")),
        ([*(f"{row}.5" for row in range(89)), "old"], ColumnKind("mixed")),
        ([*(f"2024-01-{1 + row % 28:02} 10:{row % 60:02}" for row in range(89)), "then"], ColumnKind("dates")),
        ([f"{row},5" for row in range(90)], ColumnKind("spelled")),
        ([f"{row % 3 * 5} %" for row in range(90)], ColumnKind("spelled")),
        ([f"€ {row}" if row % 2 else f"{row}.5" for row in range(90)], ColumnKind("spelled")),
        ([f"1,{row + 100}.25" for row in range(90)], ColumnKind("spelled")),
        ([f"{row % 2},5,1" for row in range(90)], ColumnKind("category")),
        ([["red", "green", None][row % 3] for row in range(90)], ColumnKind("category")),
        (["red"] * 90, ColumnKind("left out", "every row is the same")),
    ],
    ids=[
        "dates",
        "day first",
        "either first",
        "a slip",
        "no date",
        "decimal commas",
        "percent",
        "currency",
        "thousands",
        "codes",
        "colours",
        "constant",
    ],
)
def test_the_kind_of_texts_is_the_same_in_one_part_or_many_and_beyond_their_room(
    monkeypatch: pytest.MonkeyPatch, room: int, texts: list[str | None], wanted: ColumnKind
) -> None:
    monkeypatch.setattr(column_kinds, "_TEXT_BYTES", room)
    assert [kind(texts, parts=parts)[0] for parts in (1, 2, 7, 90)] == [wanted] * 4


def test_texts_of_which_there_are_too_many_are_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str | None] = [f"word {row % 40}" for row in range(200)]
    assert kind(texts)[0] == ColumnKind("category")
    own: list[str | None] = [f"word {row}" for row in range(200)]
    assert kind(own)[0] == ColumnKind("left out", "it is text, nearly every row its own")
    monkeypatch.setattr(column_kinds, "_TEXT_BYTES", 3000)
    assert kind(texts)[0] == ColumnKind("left out", "it is text of more different values than are counted")


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y", "z", None]), st.sampled_from("ab")), max_size=30), st.integers(1, 6)
)
def test_a_column_leaks_if_texts_and_labels_stand_for_each_other(
    pairs: list[tuple[str | None, str]], parts: int
) -> None:
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    one_to_one = len({*pairs}) == len({*texts}) == len({*labels}) > 1
    wanted = one_to_one and None not in texts and len(pairs) >= 10
    assert kind(texts, labels, parts)[1] == wanted


@pytest.mark.parametrize("cell", ["\u00a07", "7\u2009", "\t7", "nan", "-nan", "<NA>", "N/A", ".5", "+1e3"])
def test_a_cell_is_the_same_number_or_gap_in_training_and_at_the_endpoint(cell: str) -> None:
    learnt = numbers_of(np.array([cell, "2.5"], object))
    asked = Numeric("x", -1.0, False).of_cells([cell, "2.5"])[:, 0]
    assert learnt is not None
    assert np.nan_to_num(learnt, nan=-1.0).tolist() == asked.tolist()


@pytest.mark.parametrize("cell", ["+nan", "1_000", "7x", "\uff17"])
def test_what_is_no_number_in_training_is_none_at_the_endpoint(cell: str) -> None:
    assert numbers_of(np.array([cell, "2.5"], object)) is None
    with pytest.raises(RequestError, match="is no number"):
        Numeric("x", -1.0, False).of_cells([cell])
