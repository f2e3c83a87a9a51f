"""A lab of boards: a matrix of models, plans and boards in, one result for each of its cells out, nothing lost.

    testbed.yaml, matrix.yaml -> description, matrix -> firmware -> runner (locks, drive) -> journal -> store

The journal is where every attempt is first; the database can be made from it again at any time.
"""
