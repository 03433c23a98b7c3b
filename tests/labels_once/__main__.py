"""python -m tests.labels_once [--parcels 500] [--seed 1] [--packers 4] [--lost 0.3]

Starts a database of its own, a simulated carrier that loses replies, and processes that book parcels with it, some of
which are killed while they do. Ends with 1 where the carrier carries anything but one live parcel for each of ours, or
where the control, which asks again blindly, was not caught.
"""

from tests.own_services import run_with_services

if __name__ == "__main__":
    run_with_services("tests.labels_once.burst")
