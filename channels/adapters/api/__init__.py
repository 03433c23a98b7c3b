"""Orders that come to us: by our own REST API, or as rows of a file."""
