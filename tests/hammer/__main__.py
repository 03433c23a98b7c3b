"""python -m tests.hammer [--runs 20] [--seed 1] [--buyers 200] [--units 50] [--parallel 32]

Starts a database and a broker of its own, the web, worker and relay processes, and a naive shop as control. Ends with 1
where any run oversold, undersold or lost count, or where the control was not caught.
"""

from tests.own_services import run_with_services

if __name__ == "__main__":
    run_with_services("tests.hammer.sale")
