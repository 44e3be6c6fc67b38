"""The layout of graphs: layers, no overlaps, few edges that say anything, and speed for deep ones."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.layout import Grid, direct, layers, places

GRID = Grid(width=100, height=40, gap_x=10, gap_y=20, margin=5)
DAGS = st.integers(1, 14).flatmap(
    lambda size: st.tuples(*(st.sets(st.integers(0, max(0, at - 1)), max_size=3) for at in range(size)))
)


def graph(dag: tuple[set[int], ...]) -> dict[str, list[str]]:
    return {f"S{at}": [f"S{up}" for up in sorted(above) if up < at] for at, above in enumerate(dag)}


@given(DAGS)
def test_no_node_stands_above_what_it_waits_for_and_no_two_overlap(dag: tuple[set[int], ...]) -> None:
    above = graph(dag)
    at = places(above, GRID)
    assert at.keys() == above.keys()
    for name, ups in above.items():
        assert all(at[up].y < at[name].y for up in ups)
    for one, other in combinations(at.values(), 2):
        assert abs(one.x - other.x) >= GRID.width + GRID.gap_x or abs(one.y - other.y) >= GRID.height + GRID.gap_y


@given(DAGS)
def test_what_is_left_out_is_implied_by_what_is_left(dag: tuple[set[int], ...]) -> None:
    above = graph(dag)
    left = direct(above)

    def reached(name: str, ways: dict[str, list[str]]) -> set[str]:
        return {up for one in ways[name] for up in (one, *reached(one, ways))}

    for name in above:
        assert reached(name, left) == reached(name, above)
        for up in left[name]:
            assert not any(up in reached(other, left) for other in left[name])


def test_edges_are_untangled_from_above_and_from_below() -> None:
    assert layers({"A": [], "B": [], "C": ["B"], "D": ["A"]}) == [["A", "B"], ["D", "C"]]
    assert layers({"A": [], "B": [], "C": [], "D": ["A", "C"], "E": ["B"]})[0] in (["A", "C", "B"], ["B", "A", "C"])


def test_a_cycle_is_laid_out_all_the_same() -> None:
    assert places({"A": ["B"], "B": ["A"], "C": []}, GRID).keys() == {"A", "B", "C"}


def test_a_thousand_nodes_in_a_row_are_laid_out() -> None:
    chain = {f"S{at}": [f"S{at - 1}"] if at else [] for at in range(1000)}
    assert len(layers(chain)) == 1000
    assert direct(chain) == chain
