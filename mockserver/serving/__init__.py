"""The HTTP server, and the interception of HTTP clients."""
