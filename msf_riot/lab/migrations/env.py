"""What alembic runs: the steps of versions/ on the connection that `store.Store` hands over."""

from alembic import context

from msf_riot.lab.store import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
