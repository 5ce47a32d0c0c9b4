"""What alembic runs to migrate: on the connection it is given, in one database transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
