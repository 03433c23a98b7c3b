"""A peak, rehearsed: many orders at once through the product's own services, in a database made for it alone."""
