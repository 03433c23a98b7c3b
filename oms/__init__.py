"""The application: everything that composes the domain apps."""
