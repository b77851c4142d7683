"""Events for the webhooks of a sandbox, made from the records that were written."""


def announce(scope, changes) -> None:
    """Tell the webhooks of the records a request wrote: once each, as they are now."""
    webhooks = scope.sandbox.webhooks
    if not webhooks.subscriptions:
        return
    for (kind, id), created in written(changes).items():
        record = scope.sandbox.store[kind].get(id)
        if record is not None:
            resource = scope.resources[kind]
            webhooks.announce(
                "created" if created else "updated", resource.record_type, id, resource.present(scope, record)
            )


def written(changes) -> dict[tuple[str, str], bool]:
    """`{(kind, id): whether it is new}` of the records put by these changes."""
    found = {}
    for kind, _, before, after in changes:
        if after is not None:
            found.setdefault((kind, after["id"]), before is None)
    return found
