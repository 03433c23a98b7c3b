"""The parts of `benchmarks/promise_calibration.py`: the parcels, and the days played one by one."""
