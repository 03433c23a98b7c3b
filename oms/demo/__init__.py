"""The demo world: a made-up Indian brand with its nodes, catalogue, people, channels, carriers and weeks of orders.

Nothing here is needed to run the application, and nothing else depends on it. `load_demo` writes the world,
`remove_demo` takes every row of it away again, `simulate_crew` keeps it alive.

How the past is made. Orders of the past weeks are captured, routed, picked, packed, handed over, delivered, cancelled
and returned by the product's own services, so that every counter, ledger posting and timeline entry is what the product
writes. Two things are not:

* Times. A service says "now". After each step the rows it wrote are set back to when the step happened in the story
  (`oms.demo.past`). The ledger and the timelines refuse changes by trigger; those two triggers are off inside the
  loading transaction only, and only rows of the orders being loaded are touched.
* Bookings. No carrier was there to be called in the past. Bookings and scans of past parcels are written as rows; the
  shipments then move by `fulfillment.services.apply_tracking` like any other.

Everything is drawn from one seed: the same seed and size give the same orders, relative to the moment of loading.
"""
