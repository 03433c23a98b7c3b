"""The WMS of a node as a real HTTP server: it is told what to do, and says over the API what it did."""

from fulfillment.simulators.wms.server import WmsServer
from fulfillment.simulators.wms.warehouse import Faults, SimulatedWms

__all__ = ["Faults", "SimulatedWms", "WmsServer"]
