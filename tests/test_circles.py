"""No file imports, by whatever way round, itself: imports within functions and for types alone count."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_circle_of_files() -> None:
    graph = grimp.build_graph("pipeline", "steps", "scripts", cache_dir=None)
    above = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(above) > 300
    TopologicalSorter(above).prepare()
