"""Bugs that other systems shipped, planted here one at a time, to see that the tests catch each of them.

    python -m tests.planted [B6 ...] [--jobs 2]

Each patch in `patches/` is one bug, as somebody could have written it in this project, under a head that tells its
story: the system that shipped it, what breaks, and the tests that must fail. See docs/planted-bugs.md.
"""
