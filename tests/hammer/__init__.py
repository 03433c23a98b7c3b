"""Two hundred buyers on fifty units over HTTP, while processes are killed and replies get lost: `make hammer`."""
