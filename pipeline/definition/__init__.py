"""The language of pipeline definitions: types, references, expressions, paths, cache keys, graph, checks, differences.

Both wings read it, what an engineer drives and SageMaker on localhost; it reads neither.
"""
