"""Is an API what its contract says? Property-based checks of a document against an app or a server."""
