"""India's goods and services tax: who is registered, where a supply takes place, how a price is split. Pure."""
