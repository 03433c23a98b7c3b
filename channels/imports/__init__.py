"""Files of orders, SKUs, nodes and stock: read, matched, checked, then written in chunks that can be resumed.

The public door is `channels.imports.services`: `inspect`, `plan`, `commit`, `start_import`, `run_import_job`. Values
that cross it are in `channels.imports.types`.
"""
